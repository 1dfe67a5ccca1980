"""Compares the report of a node on its readiness port with the plan."""

import json
from typing import Any, cast

from cluster.outcomes import Cause, tail
from cluster.record import PlannedNode

READINESS_PORT = 3333
REPORT_BYTES = 8192


def judge(slot: PlannedNode, answer: bytes) -> tuple[str, Cause | None]:
    """The state of a node by its answer: `ready`, `waiting`, or `failed` with the cause.

    A node that reports another name, role or address than planned has failed.
    """
    try:
        report: Any = json.loads(answer)
    except ValueError:
        return "waiting", None
    if not isinstance(report, dict):
        return "waiting", None
    fields = cast(dict[str, Any], report)
    planned = {"name": slot.name, "role": slot.role, "address": slot.address}
    wrong = [f"{key} '{fields.get(key)}'" for key in planned if fields.get(key) != planned[key]]
    if wrong:
        return "failed", Cause(
            code="WrongNode",
            place=slot.name,
            message=f"{slot.address} reports {', '.join(wrong)}; planned is {planned}",
            next_step="find out what answers there; delete the VM and send the spec again",
        )
    if fields.get("status") == "ok":
        return "ready", None
    if fields.get("status") == "error":
        return "failed", Cause(
            code="NodeFailed",
            place=slot.name,
            message="the first boot failed: " + str(fields.get("detail", "")),
            log_tail=tail(str(fields.get("detail", ""))),
            next_step="fix what the log names, delete the VM, then send the same spec again",
        )
    return "waiting", None
