"""What an examination of an installation found: how it is, what was seen, what mends it."""

from collections.abc import Iterable
from typing import Literal

from cluster.model import Contract

FindingState = Literal["ok", "warning", "failed", "notChecked"]


class Mend(Contract):
    """`text`: what to do, and what the command's words in capitals stand for. `command`: to be
    copied; empty where no command does it."""

    text: str
    command: str = ""


class Finding(Contract):
    """One check's outcome. `seen` is what was read, or why it could not be; `mend` is never
    missing where `state` is warning or failed."""

    name: str
    state: FindingState
    seen: str
    mend: Mend | None = None


def is_well(findings: Iterable[Finding]) -> bool:
    """A warning stops no run, and what was not checked is not known to be wrong."""
    return all(finding.state != "failed" for finding in findings)
