"""doctor: an installation examined, by the app from inside and by who calls from outside."""

import json
from argparse import Namespace
from collections import Counter
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from cli.api import Api, find_target
from cli.exits import CommandError, Exit
from cli.problems import ProblemError
from cli.text import clean
from cluster.findings import Finding, FindingState, is_well

NOT_FOUND = 404
MARKS: dict[FindingState, tuple[str, str]] = {
    "ok": ("✔", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✘", "red"),
    "notChecked": ("–", "dim"),
}


def doctor(args: Namespace) -> int:
    """Exit code 1 where something failed; a warning stops no run."""
    console = Console(stderr=True)
    with console.status("the app looks at its services; this takes up to a minute"):
        asked = {"location": args.location, "group": args.group, "cluster": args.name}
        document = _ask({name: value or "" for name, value in asked.items()})
    findings = _findings(document)
    well = is_well(findings)
    if args.json:
        told = [finding.model_dump() for finding in findings]
        print(json.dumps({"well": well, "findings": told}))
    else:
        _print(findings, Console())
    return Exit.OK if well else Exit.FAILED


def _ask(asked: dict[str, str]) -> dict[str, Any]:
    try:
        return Api(find_target()).doctor(**asked)
    except ProblemError as error:
        if error.status != NOT_FOUND:
            raise
        text = "the app has no /api/doctor: publish this version (docs/install.md, step 2)"
        raise CommandError(Exit.REFUSED, text) from None


def _findings(document: dict[str, Any]) -> list[Finding]:
    """An app of another version may say it in another form."""
    try:
        found = [Finding.model_validate(one) for one in document["findings"]]
    except (KeyError, TypeError, ValidationError):
        found = []
    if not found:
        text = "/api/doctor answers in another form: publish this version (docs/install.md, step 2)"
        raise CommandError(Exit.REFUSED, text)
    return found


def _print(findings: list[Finding], console: Console) -> None:
    """Commands are printed whole, on lines of their own, to be copied."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark, style = MARKS[finding.state]
        line = Text(f"{mark} ", style) + Text(finding.name.ljust(width + 2), "bold")
        console.print(line + Text(clean(finding.seen)), soft_wrap=True)
        if finding.mend:
            indent = " " * (width + 4)
            console.print(Text(f"{indent}→ {clean(finding.mend.text)}"), soft_wrap=True)
            if finding.mend.command:
                console.print(Text(f"{indent}  {clean(finding.mend.command)}"), soft_wrap=True)
    count = Counter(finding.state for finding in findings)
    summary = f"{len(findings)} checks: {count['failed']} failed, "
    summary += f"{count['warning']} to look at, {count['notChecked']} not checked"
    style = "red" if count["failed"] else "yellow" if count["warning"] else "green"
    console.print(Text(summary, style))
