"""Finds the Secrets that are not encrypted with one key, in etcd itself.

This file runs on an etcd member, alone: standard library only. It changes nothing.

Standard input: JSON with `action` (`look`); `key`, the name of the key; `most`, how many names are
wanted; `endpoint`, `pki`, `etcdctl`: where etcd, its client certificate and its program are.

The output has `total`, the Secrets that were read; `others`, the namespace and the name of those
with another key or none, `most` at most. A look that has found so many ends early.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import base64
import json
import sys
from contextlib import suppress
from typing import Any

from cluster.on_node.etcd_member import FailedError, Json, Member

# Where API servers keep Secrets, and the end of that range.
FOLDER, END = "/registry/secrets/", "/registry/secrets0"
# What the value of a Secret begins with, before and after the key's name.
FORM = "k8s:enc:secretbox:v1:{}:"
# A Secret may have 1 MiB.
PAGE, PAGE_SECONDS = 50, 30


def look(request: Json) -> Json:
    member, wanted = Member(request), FORM.format(request["key"]).encode()
    total, others, start = 0, list[list[str]](), FOLDER
    while len(others) < request["most"]:
        words = ["get", start, END, f"--limit={PAGE}", "--write-out=json"]
        found: Json = json.loads(member.ask(words, PAGE_SECONDS))
        pairs: list[Any] = found.get("kvs") or []
        for pair in pairs:
            key = base64.b64decode(pair["key"]).decode()
            if not base64.b64decode(pair.get("value", "")).startswith(wanted):
                others.append(key.removeprefix(FOLDER).split("/", 1))
            # No name has this character, and it is before all that may follow in a longer name.
            start = key + "!"
        total += len(pairs)
        if not found.get("more"):
            break
    return {"total": total, "others": others[: request["most"]]}


def main() -> int:
    request = json.load(sys.stdin)
    try:
        found = look(request)
    except (FailedError, OSError, ValueError) as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
