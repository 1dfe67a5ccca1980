"""Looking at an installation as the app itself sees it: checks that run at once.

A check is a function that gives its finding or raises what a client raises; none keeps another
from its answer.
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

# A service that is silent costs its client a few tries; the host ends a request after 230 s.
DEADLINE_SECONDS = 60.0
AGAIN = Fix(
    text="ask again in a minute; if it stays, see the service's network rules and its health"
)


@dataclass(frozen=True)
class Check:
    """`fix`: for what the service refuses and no code explains. `again`: for what does not answer
    now. A finding of its own names its own."""

    look: Callable[[], Finding]
    fix: Fix
    again: Fix = AGAIN


def run_checks(
    wanted: dict[str, Check], installation: Installation, seconds: float = DEADLINE_SECONDS
) -> list[Finding]:
    """In the order given. What is not done in time is a failure, and is left behind."""
    pool = ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="examination")
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
                fix = wanted[name].again
                found.append(Finding(name=name, state="failed", seen=seen, fix=fix))
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _guarded(name: str, check: Check, installation: Installation) -> Finding:
    try:
        return check.look()
    except Transient as error:
        return Finding(name=name, state="failed", seen=str(error), fix=check.again)
    except Refused as error:
        said = "; ".join([str(error), *error.details])
        fix = fix_for(said, check.fix, installation)
        return Finding(name=name, state="failed", seen=str(error), fix=fix)
    except ImportError as error:
        seen = f"the package {error.name or 'that it needs'} cannot be loaded"
        return Finding(name=name, state="failed", seen=seen, fix=installation.publish)
    except Exception as error:
        # Its text may hold what it was given.
        seen = f"{type(error).__name__}, which is a fault of Slipway's own"
        fix = Fix(text="look at the app's log stream, and report it")
        return Finding(name=name, state="failed", seen=seen, fix=fix)
