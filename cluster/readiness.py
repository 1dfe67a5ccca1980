"""What a node says about itself on its readiness port, held against the plan."""

import json
from typing import Any, cast

from cluster.outcomes import Cause, tail
from cluster.record import PlannedNode

READINESS_PORT = 3333
REPORT_BYTES = 8192


def judge(slot: PlannedNode, answer: bytes) -> tuple[str, Cause | None]:
    """`ready`, `waiting` or `failed` (with the cause) for a node's answer.

    A node that answers under another name, role or address is never taken for the planned one.
    """
    try:
        report: Any = json.loads(answer)
    except ValueError:
        return "waiting", None
    if not isinstance(report, dict):
        return "waiting", None
    said = cast(dict[str, Any], report)
    planned = {"name": slot.name, "role": slot.role, "address": slot.address}
    wrong = [f"{key} '{said.get(key)}'" for key in planned if said.get(key) != planned[key]]
    if wrong:
        return "failed", Cause(
            code="WrongNode",
            place=slot.name,
            message=f"{slot.address} reports {', '.join(wrong)}; planned is {planned}",
            next_step="find out what answers there; delete the VM and send the spec again",
        )
    if said.get("status") == "ok":
        return "ready", None
    if said.get("status") == "error":
        return "failed", Cause(
            code="NodeFailed",
            place=slot.name,
            message="its first boot failed: " + str(said.get("detail", "")),
            log_tail=tail(str(said.get("detail", ""))),
            next_step="mend what the log names, delete the VM, then send the same spec again",
        )
    return "waiting", None
