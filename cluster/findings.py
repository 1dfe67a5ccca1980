"""Findings of the doctor: the state of an installation, what was seen, and how to fix it."""

from collections.abc import Iterable
from typing import Literal

from pydantic import AliasChoices, Field

from cluster.model import Contract

FindingState = Literal["ok", "warning", "failed", "notChecked"]


class Fix(Contract):
    """How to fix a finding.

    Attributes:
        text: what to do, and what the words in capitals in `command` stand for.
        command: a command line to copy; empty if no command fixes the finding.
    """

    text: str = Field(
        description="What to do, and what the words in capitals in `command` stand for."
    )
    command: str = Field(
        default="", description="A command line to copy; empty if no command fixes the finding."
    )


class Finding(Contract):
    """The outcome of one check.

    Attributes:
        seen: what the check read, or why it could not read it.
        fix: always set if `state` is warning or failed. Older apps answer it as `mend`.
    """

    name: str = Field(description="What was checked.", examples=["engine"])
    state: FindingState = Field(description="The outcome.")
    seen: str = Field(description="What the check read, or why it could not read it.")
    fix: Fix | None = Field(
        description="How to fix it; set if the state is warning or failed.",
        default=None,
        validation_alias=AliasChoices("fix", "mend"),
    )


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether no check failed. Warnings do not stop a run, and a check that was not made proves
    nothing."""
    return all(finding.state != "failed" for finding in findings)
