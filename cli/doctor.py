"""The command doctor: examines an installation, from inside by the app and from outside by the
caller."""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from cli.api import Api
from cli.console import Console, new_console
from cli.exits import Exit
from cli.host import CAUSE, NotLoadedError
from cli.targets import find_target
from cli.text import clean, counted
from cluster.api_requests import InstallationFinding, InstallationReport
from cluster.findings import FindingState, Fix, is_well

MARKS: dict[FindingState, tuple[str, str]] = {
    "ok": ("✔", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✘", "red"),
    "notChecked": ("–", "dim"),
}


def doctor(args: Namespace) -> int:
    """Prints the findings. Returns exit code 1 if a check failed, 5 if the app did not load.
    Warnings do not change the exit code."""
    console = new_console(stderr=True)
    api = Api(find_target(args))
    code = Exit.FAILED
    try:
        with console.status("the app looks at its services; this takes up to a minute"):
            asked = {"location": args.location, "group": args.group, "cluster": args.name}
            report = api.doctor(**{name: value or "" for name, value in asked.items()})
    except NotLoadedError as error:
        report, code = _from_outside(error), error.code
    well = is_well(report.findings)
    if args.json:
        print(json.dumps(report.received() | {"well": well}))
    else:
        _print(report.findings, new_console())
    return Exit.OK if well else code


def _from_outside(error: NotLoadedError) -> InstallationReport:
    """Returns what the caller can see if the app cannot examine its own services."""
    name = "app" if error.runs else "host"
    fix = Fix(text=CAUSE, command=error.command)
    failed = InstallationFinding(name=name, state="failed", seen=error.seen, fix=fix)
    seen = "the Functions host answers"
    host = InstallationFinding(name="host", state="ok", seen=seen, fix=None)
    return InstallationReport(well=False, findings=(host, failed) if error.runs else (failed,))


def _print(findings: Sequence[InstallationFinding], console: Console) -> None:
    """Prints the findings. Commands are printed whole on separate lines, so that they can be
    copied."""
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        mark, style = MARKS.get(finding.state, ("?", ""))
        line = Text(f"{mark} ", style) + Text(clean(finding.name).ljust(width + 2), "bold")
        console.print(line + Text(clean(finding.seen)), soft_wrap=True)
        if finding.fix:
            indent = " " * (width + 4)
            console.print(Text(f"{indent}→ {clean(finding.fix.text)}"), soft_wrap=True)
            if finding.fix.command:
                console.print(Text(f"{indent}  {clean(finding.fix.command)}"), soft_wrap=True)
    count = Counter(finding.state for finding in findings)
    summary = f"{counted(len(findings), 'check')}: {count['failed']} failed, "
    summary += f"{count['warning']} to look at, {count['notChecked']} not checked"
    style = "red" if count["failed"] else "yellow" if count["warning"] else "green"
    console.print(Text(summary, style))
