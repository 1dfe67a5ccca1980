"""Repairs degraded clusters whose spec asks for it: what their last PUT asked for is done again.

A PUT makes machines that are missing and starts those that are off. What else a maintenance finds
needs a person, so it starts no repair. A repair is tried once after each maintenance.
"""

from clients.errors import Refused, Transient
from clients.record_summary import RecordSummary, summary_of
from cluster.faults import SpecRefusedError
from cluster.health import REPAIRED
from runs.claims import claim_reconcile
from runs.engine import EngineAwayError
from runs.previous import BusyError
from runs.starts import ClaimContext


def is_repairable(one: RecordSummary) -> bool:
    """Returns whether a maintenance has just found what a PUT repairs, and the spec asks for it."""
    wanted = one.policy.enabled and one.policy.repair and one.state == "degraded"
    # After a repair, or any other operation since, the last operation is not the maintenance.
    found_now = one.kind == "maintain" and not one.busy
    return wanted and found_now and bool({*one.findings} & {*REPAIRED})


def repair(context: ClaimContext, name: str, caller: str) -> str:
    """Starts a run of the cluster's spec. Returns why it was not started, or "".

    Raises:
        EngineAwayError: the durable engine cannot be asked.
    """
    try:
        found = context.store.record(name)
        # The list may be minutes old. Somebody may have sent another spec since.
        if found is None or not is_repairable(summary_of(found[0])):
            return "another operation was claimed meanwhile"
        claim_reconcile(context, context.store.spec(found[0]), caller)
    except SpecRefusedError as error:
        return f"its spec is refused now: {error.faults[0].path}: {error.faults[0].message}"
    except EngineAwayError:
        raise
    except BusyError as error:
        return str(error)
    except (Refused, Transient) as error:
        return named(error)
    return ""


def named(error: Refused | Transient) -> str:
    """Returns the error without its own text, which may quote a service."""
    return error.code if isinstance(error, Refused) else type(error).__name__
