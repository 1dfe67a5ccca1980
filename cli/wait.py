"""The command wait: waits until a cluster is ready, its operation has ended, or it is deleted."""

import json
import math
import sys
import time
from argparse import Namespace
from functools import partial

from cli.api import BUSY, Api
from cli.exits import CommandError, Exit
from cli.follow import has_succeeded, patiently
from cli.problems import NOT_FOUND, ProblemError, describe_cause
from cli.states import finding_text, state_text
from cli.targets import find_target
from cli.text import clean, duration
from cluster.api import ClusterDetail

# The kinds of operations after which the cluster's state may be what it was before.
STANDING = ("backup", "restore", "maintain", "rotate")
ENDS = {"failed": Exit.FAILED, "unreadable": Exit.FAILED, "cancelled": Exit.CANCELLED}


def wait(args: Namespace) -> int:
    """Waits for what --for names. Ends earlier if the cluster can no longer get there by itself.

    Raises:
        CommandError: the operation failed or was cancelled, or the time is over.
    """
    api, since = Api(find_target(args)), time.monotonic()
    while True:
        cluster = _look(api, args.name, gone_is_well=args.goal == "deleted")
        if cluster and args.goal == "ended" and _says_nothing_of_it(cluster):
            if has_succeeded(api, args.name, cluster.generation):
                return _report(args, cluster)
        elif cluster is None or _is_reached(cluster, args.goal):
            return _report(args, cluster)
        else:
            _refuse_dead_end(cluster, args.goal)
        waited = time.monotonic() - since
        left = math.inf if args.timeout is None else args.timeout - waited
        if left <= 0:
            over = f"--timeout is over after {duration(waited)}"
            text = f"{args.name} is {state_text(cluster)}; {over}"
            raise CommandError(Exit.TIMED_OUT, text)
        time.sleep(min(api.poll_seconds, left))


def _look(api: Api, name: str, *, gone_is_well: bool) -> ClusterDetail | None:
    try:
        return patiently(partial(api.cluster, name), api.poll_seconds, following=True)
    except ProblemError as error:
        if gone_is_well and error.status == NOT_FOUND:
            return None
        raise


def _says_nothing_of_it(cluster: ClusterDetail) -> bool:
    """Returns whether the cluster's state may not say how its last operation ended: after a
    backup, a restore or a rotation it is what it was before, after a maintenance what was
    found."""
    return cluster.state not in BUSY and cluster.kind in STANDING


def _is_reached(cluster: ClusterDetail, goal: str) -> bool:
    if goal == "ended":
        return cluster.state not in BUSY and cluster.state not in ENDS
    return cluster.state == goal


def _refuse_dead_end(cluster: ClusterDetail, goal: str) -> None:
    """Raises CommandError if no operation runs that could lead to the goal. A cluster that is to be
    deleted may be waited for before somebody deletes it."""
    deletion = goal == "deleted"
    if cluster.state in BUSY or (deletion and cluster.kind != "delete"):
        return
    text = f"{cluster.name} is {state_text(cluster)}"
    if cluster.cause:
        text += f"\n{describe_cause(cluster.cause)}"
    text += "".join(f"\n{clean(finding_text(one))}" for one in cluster.findings)
    raise CommandError(ENDS.get(cluster.state, Exit.FAILED), text)


def _report(args: Namespace, cluster: ClusterDetail | None) -> int:
    if args.json:
        print(
            json.dumps(cluster.received() if cluster else {"name": args.name, "state": "deleted"})
        )
    else:
        state = state_text(cluster) if cluster else "deleted"
        print(clean(f"{args.name} is {state}"))
    sys.stdout.flush()
    return Exit.OK
