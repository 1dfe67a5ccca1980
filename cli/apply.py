"""The commands that change a cluster, or show what would change."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from rich.text import Text

from cli.access import access_hint
from cli.api import Api
from cli.console import new_console, new_table
from cli.exits import CommandError, Exit
from cli.follow import Ending, follow, patiently
from cli.problems import ProblemError
from cli.progress import open_view
from cli.specs import SpecFile, load_spec
from cli.states import missing_part, state_text
from cli.targets import find_target, target_to_change
from cli.text import clean, counted
from cluster.api_requests import ClusterPlan, OperationAccepted

# The machines of a stage that a plan names.
NAMED = 3


def plan(args: Namespace) -> int:
    """Prints the plan. Returns exit code 2 if ARM or a quota would reject it."""
    spec = load_spec(args.file)
    api = Api(find_target(args))
    with _faults_in(spec):
        found = api.plan(spec.cluster, spec, full=args.full)
    if args.json:
        print(json.dumps(found.received()))
    else:
        _print_plan(found)
    for note in found.notes:
        print(f"slipway: note: {clean(note)}", file=sys.stderr)
    for fault in found.faults:
        print(f"slipway: it would be refused: {clean(fault)}", file=sys.stderr)
    return Exit.REFUSED if found.faults else Exit.OK


def apply(args: Namespace) -> int:
    spec = load_spec(args.file)
    api = Api(target_to_change(args))
    with _faults_in(spec):
        accepted = patiently(lambda: api.put(spec.cluster, spec, full=args.full), api.poll_seconds)
    if accepted.joined:
        print("slipway: the same spec is being applied; joined it", file=sys.stderr)
    return _watch(api, accepted, args)


def adopt(args: Namespace) -> int:
    """Applies a spec to a cluster whose record was lost.

    Raises:
        CommandError: the spec is of another cluster than the one that was named.
    """
    spec = load_spec(args.file)
    if spec.cluster != args.name:
        text = f"{spec.path} is the spec of '{spec.cluster}', not of '{args.name}'"
        raise CommandError(Exit.REFUSED, text)
    api = Api(target_to_change(args))
    with _faults_in(spec):
        accepted = patiently(lambda: api.put(spec.cluster, spec, adopt=True), api.poll_seconds)
    return _watch(api, accepted, args)


def delete(args: Namespace) -> int:
    api = _confirmed(
        args,
        args.name,
        f"deleting '{args.name}' is for good",
        f"This removes '{args.name}', its machines, disks and keys.",
        "nothing was deleted",
    )
    return _request(args, api, lambda: api.delete(args.name))


def delete_node(args: Namespace) -> int:
    """Removes one worker. The cluster's spec then has one fewer in its pool."""
    name, node = args.name, args.node
    api = _confirmed(
        args,
        node,
        f"removing '{node}' is for good",
        f"This drains '{node}', deletes its machine and disk, and makes its pool smaller.",
        "nothing was removed",
    )
    joined = "the node is being removed"
    return _request(args, api, lambda: api.delete_node(name, node, force=args.force), joined)


def replace_node(args: Namespace) -> int:
    """Replaces one node by a new machine of the same name."""
    name, node = args.name, args.node
    api = _confirmed(
        args,
        node,
        f"replacing '{node}' deletes its machine for good",
        f"This drains '{node}', deletes its machine and disks, and makes a new machine.",
        "nothing was replaced",
    )
    joined = "the node is being replaced"
    return _request(args, api, lambda: api.replace_node(name, node, force=args.force), joined)


def backup(args: Namespace) -> int:
    """Takes a backup. The cluster's state stays as it was."""
    api = Api(target_to_change(args))
    return _request(args, api, lambda: api.back_up(args.name), "a backup is being taken")


def restore(args: Namespace) -> int:
    """Restores a backup. What was written to the cluster's etcd since is lost."""
    name, backup = args.name, args.backup
    api = _confirmed(
        args,
        name,
        f"restoring '{name}' is for good",
        f"This puts backup {backup} in the place of everything that '{name}' has in etcd. "
        "Its API is away meanwhile, and what was written since is lost.",
        "nothing was restored",
    )
    return _request(args, api, lambda: api.restore(name, backup), "the backup is being restored")


def maintain(args: Namespace) -> int:
    """Maintains a cluster. What it finds wrong is the cluster's state, not a failure."""
    api = Api(target_to_change(args))
    return _request(args, api, lambda: api.maintain(args.name), "a maintenance is running")


def rotate(args: Namespace) -> int:
    """Exchanges a credential of the cluster for a new one. The old one is refused afterwards."""
    api = Api(target_to_change(args))
    joined = "the credential is being rotated"
    return _request(args, api, lambda: api.rotate(args.name, args.credential), joined)


def forget(args: Namespace) -> int:
    """Moves the record of a cluster out of the way that cannot be read."""
    name = args.name
    api = _confirmed(
        args,
        name,
        f"forgetting '{name}' is for good",
        f"This moves the record of '{name}' out of the way. Its machines, disks and keys stay, "
        "and Slipway no longer knows them.",
        "nothing was changed",
    )
    forgotten = api.forget(name)
    if args.json:
        print(json.dumps(forgotten.received()))
    else:
        print(f"the record of {name} is now {clean(forgotten.copied_to)}; nothing else was changed")
    return Exit.OK


@contextmanager
def _faults_in(spec: SpecFile) -> Generator[None]:
    """Shows the API's faults of the spec with their places in the file."""
    try:
        yield
    except ProblemError as error:
        faults = error.problem.faults
        if not faults:
            raise
        told = spec.faults_text((one.path, one.message, one.allowed) for one in faults)
        raise error.with_faults(told) from None


def _request(
    args: Namespace, api: Api, ask: Callable[[], OperationAccepted], joined: str = ""
) -> int:
    """Requests an operation and shows it to its end. `joined`: what goes on if somebody has
    requested the same already."""
    accepted = patiently(ask, api.poll_seconds)
    if accepted.joined and joined:
        print(f"slipway: {joined}; joined it", file=sys.stderr)
    return _watch(api, accepted, args)


def _watch(api: Api, accepted: OperationAccepted, args: Namespace) -> int:
    name = clean(accepted.name)
    if args.no_wait:
        if args.json:
            print(json.dumps(accepted.received()))
        else:
            print(f"accepted; 'slipway events {name} --follow' shows the operation")
        return Exit.OK
    try:
        with open_view(sys.stderr if args.json else sys.stdout) as view:
            ending = follow(api, name, accepted.operation, view)
    except KeyboardInterrupt:
        print(f"\nslipway: {_goes_on(name)}", file=sys.stderr)
        return Exit.INTERRUPTED
    except CommandError as error:
        if isinstance(error, ProblemError) and error.status < 500 and not error.passing:
            raise
        # The result of the operation is unknown, so the exit code is that of no failure.
        code = Exit.NOT_LOADED if error.code == Exit.NOT_LOADED else Exit.UNREACHABLE
        raise CommandError(code, f"{error}\n  {_goes_on(name)}") from None
    if ending.problem:
        print(f"slipway: {ending.problem}", file=sys.stderr)
    with suppress(BrokenPipeError):  # the exit code is still that of the operation
        _print_ending(args, name, ending)
    return ending.code


def _print_ending(args: Namespace, name: str, ending: Ending) -> None:
    if args.json:
        print(json.dumps(ending.cluster.received()))
    elif not ending.problem:
        print(f"{name} is {clean(state_text(ending.cluster))}")
        if lack := missing_part(ending.cluster):
            print(clean(lack))
        if ending.code == Exit.OK and (hint := access_hint(ending.cluster)):
            print(clean(hint))


def _goes_on(name: str) -> str:
    return (
        f"the operation on {name} continues\n"
        f"  follow it: slipway events {name} --follow\n"
        f"  end it:    slipway cancel {name}"
    )


def _confirmed(args: Namespace, name: str, finality: str, question: str, refused: str) -> Api:
    """Says which installation it is, asks for the name of what is lost, unless --yes was given,
    and returns the API.

    Raises:
        CommandError: another text was typed, or there is no terminal to ask.
    """
    api = Api(target_to_change(args))
    if args.yes:
        return api
    if not sys.stdin.isatty():
        text = f"{finality}; without a terminal to ask, it needs --yes"
        raise CommandError(Exit.REFUSED, text)
    print(f"{question} Type its name: ", end="", flush=True)
    if sys.stdin.readline().strip() != name:
        raise CommandError(Exit.REFUSED, refused)
    return api


def _print_plan(found: ClusterPlan) -> None:
    console = new_console()
    head = f"{found.name}: group {found.group} in {found.location}"
    console.print(Text(clean(f"{head}, Kubernetes API at {found.api_address}")))
    nodes = new_table("node", "role", "pool", "address", "")
    for node in found.nodes:
        shown = (node.name, node.role, node.pool, node.address, node.action)
        nodes.add_row(*(Text(clean(text)) for text in shown))
    console.print(nodes)
    parts = new_table("deployment", "template", "nodes")
    for part in found.deployments:
        parts.add_row(Text(clean(part.part)), Text(clean(part.template)), str(part.nodes))
    console.print(parts)
    _print_play(found)
    if found.changes:
        changes = new_table("changed field", "now", "then")
        for change in found.changes:
            shown = (change.path, change.before or "-", change.after or "-")
            changes.add_row(*(Text(clean(text)) for text in shown))
        console.print(changes)
    console.print(Text(_summary(found)), soft_wrap=True)


def _print_play(found: ClusterPlan) -> None:
    if "play" not in found.received():  # an app of an older version
        return
    if not found.play:
        new_console().print("no play: no machine is concerned by any stage")
        return
    play = new_table("stage of the play", "machines")
    for stage in found.play:
        play.add_row(Text(clean(stage.stage)), Text(clean(_named(stage.nodes))))
    new_console().print(play)


def _named(nodes: tuple[str, ...]) -> str:
    """Returns the names of a few machines, and how many more there are."""
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return f"{', '.join(nodes[:NAMED])}{more}"


def _summary(found: ClusterPlan) -> str:
    """Returns what an apply would do, in one sentence."""
    actions = [node.action for node in found.nodes]
    created, kept = actions.count("create"), actions.count("keep")
    parts = [f"{counted(created, 'machine')} to create, {kept} to keep"]
    if replaced := actions.count("replace"):
        parts.append(f"{counted(replaced, 'machine')} to replace")
    if removed := actions.count("remove"):
        parts.append(f"{counted(removed, 'machine')} to remove")
    if upgraded := actions.count("upgrade"):
        version = found.upgrade.after if found.upgrade else "a later version"
        parts.append(f"{counted(upgraded, 'node')} to upgrade to Kubernetes {version}")
    parts.append(counted(len(found.deployments), "deployment"))
    if found.changes:
        parts.append(counted(len(found.changes), "changed field"))
    if found.faults:
        parts.append(f"{counted(len(found.faults), 'refusal')}: it would not be applied")
    return "; ".join(parts)
