"""Exchanges the public SSH key that opens this machine.

This file runs on machines of a cluster, alone: standard library only. Each action may be repeated.

Standard input: JSON with `user`, `key` (`ssh-ed25519 AAAA…`), and `action`:
- `add`: adds the key beside those that are there.
- `remove`: removes `old`, a key of the same form. The other key must be there.

Other keys and their options are left as they are. The output has `changed`.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import pwd
import sys
from pathlib import Path

from cluster.on_node.commands import FailedError, Json, answer, write_whole


def add(request: Json) -> Json:
    path, lines = _keys(request)
    if any(_has(line, request["key"]) for line in lines):
        return {"changed": False}
    return _write(path, [*lines, request["key"]])


def remove(request: Json) -> Json:
    path, lines = _keys(request)
    if not any(_has(line, request["key"]) for line in lines):
        raise FailedError("the new key is not there, so the old one was left")
    kept = [line for line in lines if not _has(line, request["old"])]
    return _write(path, kept) if kept != lines else {"changed": False}


def _keys(request: Json) -> tuple[Path, list[str]]:
    path = Path(pwd.getpwnam(request["user"]).pw_dir) / ".ssh/authorized_keys"
    return path, path.read_text(encoding="utf-8").splitlines()


def _has(line: str, key: str) -> bool:
    """Returns whether the line is of that key, with whatever options and comment."""
    words, form = line.split(), key.split()[:2]
    pairs = [words[at : at + 2] for at in range(len(words))]
    return not line.lstrip().startswith("#") and form in pairs


def _write(path: Path, lines: list[str]) -> Json:
    write_whole(path, "".join(f"{line}\n" for line in lines), like=path.stat())
    return {"changed": True}


if __name__ == "__main__":
    sys.exit(answer({"add": add, "remove": remove}))
