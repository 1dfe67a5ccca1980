"""Runs the doctor's checks in parallel, with the app's own identity and network.

A check returns its finding or raises an error of a client. A check that fails or hangs does not
affect the others.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass

from clients.errors import Refused, Transient
from cluster.findings import Finding, Fix
from doctor.fixes import Installation, fix_for
from telemetry import spans

# A client retries a service that does not answer; the host ends a request after 230 s.
DEADLINE_SECONDS = 60.0
RETRY = Fix(
    text="ask again in a minute; if the error remains, check the service's network rules and health"
)


@dataclass(frozen=True)
class DoctorCheck:
    """A check of the installation.

    Attributes:
        look: makes the finding, with its own fix.
        fix: the fix if `look` raises Refused and the error names no known problem.
        unavailable: the fix if `look` raises Transient or takes too long.
    """

    look: Callable[[], Finding]
    fix: Fix
    unavailable: Fix = RETRY


def run_checks(
    wanted: dict[str, DoctorCheck], installation: Installation, seconds: float = DEADLINE_SECONDS
) -> list[Finding]:
    """The findings in the given order. A check that takes longer than `seconds` has failed."""
    pool = ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="doctor")
    try:
        guarded = spans.carried(_guarded)
        running = {
            name: pool.submit(guarded, name, one, installation) for name, one in wanted.items()
        }
        until = time.monotonic() + seconds
        found: list[Finding] = []
        for name, future in running.items():
            try:
                found.append(future.result(max(0.0, until - time.monotonic())))
            except LateError:
                seen = f"no answer within {seconds:.0f} s"
                fix = wanted[name].unavailable
                found.append(Finding(name=name, state="failed", seen=seen, fix=fix))
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _guarded(name: str, check: DoctorCheck, installation: Installation) -> Finding:
    try:
        return check.look()
    except Transient as error:
        return Finding(name=name, state="failed", seen=str(error), fix=check.unavailable)
    except Refused as error:
        text = "; ".join([str(error), *error.details])
        fix = fix_for(text, check.fix, installation)
        return Finding(name=name, state="failed", seen=str(error), fix=fix)
    except ImportError as error:
        seen = f"the package {error.name or 'that it needs'} cannot be loaded"
        return Finding(name=name, state="failed", seen=seen, fix=installation.publish)
    except Exception as error:
        # The text of the error may contain a secret.
        seen = f"{type(error).__name__}, which is a defect of Slipway"
        fix = Fix(text="read the app's log stream, and report the defect")
        return Finding(name=name, state="failed", seen=seen, fix=fix)
