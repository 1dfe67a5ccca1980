"""plan, apply, delete: what changes a cluster, or says how it would."""

import json
import sys
from argparse import Namespace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.access import access_hint
from cli.api import Api, find_target
from cli.exits import CommandError, Exit
from cli.follow import follow, patiently
from cli.problems import ProblemError
from cli.progress import open_view
from cli.specs import load_spec
from cli.text import clean


def plan(args: Namespace) -> int:
    """Exit code 2 where ARM or a quota would refuse what the plan asks for."""
    document = Api(find_target()).plan(load_spec(args.file))
    faults = document.get("faults") or []
    if args.json:
        print(json.dumps(document))
    else:
        _print_plan(document)
    for note in document.get("notes") or []:
        print(f"slipway: note: {clean(str(note))}", file=sys.stderr)
    for fault in faults:
        print(f"slipway: it would be refused: {clean(str(fault))}", file=sys.stderr)
    return Exit.REFUSED if faults else Exit.OK


def apply(args: Namespace) -> int:
    spec = load_spec(args.file)
    api = Api(find_target())
    accepted = patiently(lambda: api.put(spec), api.poll_seconds)
    if accepted.get("joined"):
        print("slipway: the same spec is being applied; joined it", file=sys.stderr)
    return _watch(api, accepted, args)


def delete(args: Namespace) -> int:
    if not args.yes:
        _confirm(args.name)
    api = Api(find_target())
    return _watch(api, patiently(lambda: api.delete(args.name), api.poll_seconds), args)


def _watch(api: Api, accepted: dict[str, Any], args: Namespace) -> int:
    name = accepted["name"]
    if args.no_wait:
        if args.json:
            print(json.dumps(accepted))
        else:
            print(f"accepted; 'slipway events {name} --follow' shows the run")
        return Exit.OK
    try:
        with open_view(sys.stderr if args.json else sys.stdout) as view:
            ending = follow(api, name, accepted["operation"], view)
    except KeyboardInterrupt:
        print(f"\nslipway: {_goes_on(name)}", file=sys.stderr)
        return Exit.INTERRUPTED
    except CommandError as error:
        if isinstance(error, ProblemError) and error.status < 500 and not error.passing:
            raise
        # How the run ends is not known, so this is not the run's failure.
        code = Exit.NOT_LOADED if error.code == Exit.NOT_LOADED else Exit.UNREACHABLE
        raise CommandError(code, f"{error}\n  {_goes_on(name)}") from None
    if ending.problem:
        print(f"slipway: {ending.problem}", file=sys.stderr)
    if args.json:
        print(json.dumps(ending.document))
    elif not ending.problem:
        print(f"{name} is {clean(ending.document['state'])}")
        if ending.code == Exit.OK and (hint := access_hint(ending.document)):
            print(hint)
    return ending.code


def _goes_on(name: str) -> str:
    return (
        f"the run of {name} goes on\n"
        f"  follow it: slipway events {name} --follow\n"
        f"  end it:    slipway cancel {name}"
    )


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        text = f"deleting '{name}' is for good; without a terminal to ask, it needs --yes"
        raise CommandError(Exit.REFUSED, text)
    print(
        f"This removes '{name}', its machines, disks and keys. Type its name: ", end="", flush=True
    )
    if sys.stdin.readline().strip() != name:
        raise CommandError(Exit.REFUSED, "nothing was deleted")


def _print_plan(document: dict[str, Any]) -> None:
    console = Console()
    head = f"{document['name']}: group {document['group']} in {document['location']}"
    console.print(Text(clean(f"{head}, Kubernetes API at {document['apiAddress']}")))
    nodes = Table("node", "role", "pool", "address", "", box=None, pad_edge=False)
    for node in document["nodes"]:
        shown = (node[key] or "" for key in ("name", "role", "pool", "address", "action"))
        nodes.add_row(*(Text(clean(text)) for text in shown))
    console.print(nodes)
    parts = Table("deployment", "template", "nodes", box=None, pad_edge=False)
    for part in document["deployments"]:
        parts.add_row(Text(clean(part["part"])), Text(clean(part["template"])), str(part["nodes"]))
    console.print(parts)
