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
from cli.host import CAUSE, NotLoadedError
from cli.text import clean
from cluster.findings import Finding, FindingState, Fix, is_well

MARKS: dict[FindingState, tuple[str, str]] = {
    "ok": ("✔", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✘", "red"),
    "notChecked": ("–", "dim"),
}


def doctor(args: Namespace) -> int:
    """Exit code 1 where something failed, 5 where the app did not load; a warning stops no run."""
    console = Console(stderr=True)
    code = Exit.FAILED
    try:
        with console.status("the app looks at its services; this takes up to a minute"):
            asked = {"location": args.location, "group": args.group, "cluster": args.name}
            document = Api(find_target()).doctor(
                **{name: value or "" for name, value in asked.items()}
            )
        findings = _findings(document)
    except NotLoadedError as error:
        findings, code = _from_outside(error), error.code
    well = is_well(findings)
    if args.json:
        told = [finding.model_dump() for finding in findings]
        print(json.dumps({"well": well, "findings": told}))
    else:
        _print(findings, Console())
    return Exit.OK if well else code


def _from_outside(error: NotLoadedError) -> list[Finding]:
    """What can be seen where the app cannot look at its own services."""
    fix = Fix(text=CAUSE, command=error.command)
    if not error.runs:
        return [Finding(name="host", state="failed", seen=error.seen, fix=fix)]
    return [
        Finding(name="host", state="ok", seen="the Functions host answers"),
        Finding(name="app", state="failed", seen=error.seen, fix=fix),
    ]


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
        if finding.fix:
            indent = " " * (width + 4)
            console.print(Text(f"{indent}→ {clean(finding.fix.text)}"), soft_wrap=True)
            if finding.fix.command:
                console.print(Text(f"{indent}  {clean(finding.fix.command)}"), soft_wrap=True)
    count = Counter(finding.state for finding in findings)
    summary = f"{len(findings)} checks: {count['failed']} failed, "
    summary += f"{count['warning']} to look at, {count['notChecked']} not checked"
    style = "red" if count["failed"] else "yellow" if count["warning"] else "green"
    console.print(Text(summary, style))
