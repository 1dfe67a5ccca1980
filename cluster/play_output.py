"""Finds in the output of ansible-playbook what says why a play failed."""

import re

# What every host writes for which a task did not fail. An item of a loop has further text.
_UNEVENTFUL = re.compile(r"(?:ok|changed|skipping|included): ")
_FAILED = re.compile(r"(?:fatal|failed): \[")
_HEADER = re.compile(r"(?:TASK|PLAY|RUNNING HANDLER) \[")
_RECAP = "PLAY RECAP "
_IGNORED = "...ignoring"


def failure_lines(output: str) -> str:
    """Returns the output without the lines of hosts that did not fail, without failures that the
    play ignored, and without the headers of tasks that then have no line.

    Returns the whole output if nothing in it says that a task failed: the program itself did.
    """
    lines = _without_ignored(output.splitlines())
    if not any(map(_FAILED.match, lines)):
        return output
    kept: list[str] = []
    for line in lines:
        if _UNEVENTFUL.match(line):
            continue
        if _HEADER.match(line) or line.startswith(_RECAP):
            _drop_empty_headers(kept)
            if kept:
                kept.append("")
        elif not line.strip() and (not kept or not kept[-1].strip()):
            continue
        kept.append(line)
    _drop_empty_headers(kept)
    return "\n".join(kept) + "\n"


def _without_ignored(lines: list[str]) -> list[str]:
    """Leaves out each failure that `...ignoring` follows, with all of its lines."""
    kept: list[str] = []
    for line in lines:
        if line.strip() != _IGNORED:
            kept.append(line)
            continue
        while kept and not _HEADER.match(kept[-1]):
            if _FAILED.match(kept.pop()):
                break
    return kept


def _drop_empty_headers(kept: list[str]) -> None:
    """Removes the headers at the end that no line of a host follows."""
    while kept and (not kept[-1].strip() or _HEADER.match(kept[-1])):
        kept.pop()
