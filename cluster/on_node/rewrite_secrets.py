"""Lets the API server write Secrets again as they are, so that it encrypts them with its first key.

This file runs on a control plane, alone: standard library only. It may be repeated.

Standard input: JSON with `action` (`rewrite`); `names`, lists of a namespace and a name; `etc`,
`kubectl`: where they are.

The output has `faults`: the namespaces in which a Secret was not written, and the API server's
reason, in one word. Its text may quote what it was sent. A Secret that somebody deleted or wrote
meanwhile is such a fault too: etcd itself says which are left.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import json
import re
import sys
from itertools import groupby

from cluster.on_node.commands import FailedError, Json, answer, kubectl

# What one command reads and writes: a Secret may have 1 MiB.
AT_ONCE = 25
SECONDS = 60
SHOWN = 3
REASON = re.compile(r"Error from server \((\w+)\)")


def rewrite(request: Json) -> Json:
    faults: list[str] = []
    names = sorted((str(space), str(name)) for space, name in request["names"])
    for space, group in groupby(names, key=lambda pair: pair[0]):
        named = [name for _, name in group]
        for at in range(0, len(named), AT_ONCE):
            try:
                _rewrite(request, space, named[at : at + AT_ONCE])
            except FailedError as error:
                reason = REASON.search(str(error))
                faults.append(f"{space}: {reason[1] if reason else 'kubectl failed'}")
    return {"faults": faults[:SHOWN]}


def _rewrite(request: Json, space: str, names: list[str]) -> None:
    """Reads the Secrets and writes them again. The resource version that they are written with
    makes the API server refuse one that somebody changed meanwhile."""
    where = [f"--namespace={space}"]
    form = ["--ignore-not-found", "--output=json"]
    found = kubectl(request, ["get", "secret", *where, *form, "--", *names], seconds=SECONDS)
    if not found.strip():
        return
    document: Json = json.loads(found)
    kubectl(request, ["replace", *where, "--filename=-"], document, SECONDS)


if __name__ == "__main__":
    sys.exit(answer({"rewrite": rewrite}))
