"""The operator's commands and their arguments."""

import argparse
from collections.abc import Callable

from cli import commands as run
from cli.files import FORMS
from cluster.names import CREDENTIALS

type Command = Callable[[argparse.Namespace], int]
type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"

COMPLETION = """\
Prints a script for the shell. To load it:
  bash  eval "$(slipway completion bash)"                              in ~/.bashrc
  zsh   slipway completion zsh > DIR/_slipway                          DIR is in $fpath
  fish  slipway completion fish > ~/.config/fish/completions/slipway.fish
"""
GOALS = ("ready", "ended", "deleted")
UNITS = {"s": 1, "m": 60, "h": 3600}
SHELLS = ("bash", "zsh", "fish")


def add_operator_commands(parser: argparse.ArgumentParser, commands: Commands) -> None:
    """Adds the operator's commands. `parser` is the top-level parser, from which completion is
    made."""
    _specs(commands)
    _changes(commands)
    _views(commands)
    _ways_in(commands)
    _installation(commands)
    _contexts(commands)
    _mirror(commands)
    _completion(parser, commands)


def _specs(commands: Commands) -> None:
    made = add_command(commands, "init", run.init, "write a commented spec, to be edited")
    made.add_argument("name", metavar="NAME", help="the cluster's name")
    made.add_argument("--output", metavar="FILE", help="default: NAME.yaml; - prints it")
    checked = add_command(
        commands, "validate", run.validate, "check a spec by the API's rules; sends nothing"
    )
    _file(checked)
    add_json(checked)
    add_command(commands, "schema", run.schema, "print the JSON Schema of the spec")


def _changes(commands: Commands) -> None:
    plan = add_command(commands, "plan", run.plan, "show what apply would do; create nothing")
    _file(plan)
    _full(plan)
    made = add_command(commands, "apply", run.apply, "create a cluster from its spec, or change it")
    _file(made)
    _full(made)
    made.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    adopted = add_command(
        commands, "adopt", run.adopt, "make a cluster's lost record anew from its tags, and apply"
    )
    _name(adopted)
    _file(adopted)
    adopted.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    cancel = add_command(commands, "cancel", run.cancel, "end a running operation in order")
    _name(cancel)
    delete = add_command(commands, "delete", run.delete, "remove a cluster and its machines")
    _name(delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    gone = add_command(commands, "delete-node", run.delete_node, "remove one worker by its name")
    text = "replace one node by a new machine of the same name"
    renewed = add_command(commands, "replace-node", run.replace_node, text)
    for parser in (gone, renewed):
        _node(parser)
    saved = add_command(commands, "backup", run.backup, "take a backup of a cluster's etcd")
    _name(saved)
    saved.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    text = "put a backup in the place of a cluster's etcd data"
    restored = add_command(commands, "restore", run.restore, text)
    _name(restored)
    restored.add_argument(
        "--backup", required=True, metavar="ID", help="its id, as 'slipway backups' shows it"
    )
    restored.add_argument("--yes", action="store_true", help="do not ask")
    restored.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    kept = add_command(commands, "maintain", run.maintain, "maintain a cluster now")
    _name(kept)
    kept.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    text = "exchange a credential of a cluster for a new one"
    turned = add_command(commands, "rotate", run.rotate, text)
    _name(turned)
    turned.add_argument(
        "credential",
        choices=CREDENTIALS,
        metavar="CREDENTIAL",
        help=f"{', '.join(CREDENTIALS)}; the old one is refused afterwards",
    )
    turned.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    text = "move a record that cannot be read out of the way; removes nothing"
    forget = add_command(commands, "forget", run.forget, text)
    _name(forget)
    forget.add_argument("--yes", action="store_true", help="do not ask")
    changing = (plan, made, adopted, cancel, delete, gone, renewed, saved, restored, kept, turned)
    for parser in (*changing, forget):
        add_json(parser)
        _target(parser)


def _views(commands: Commands) -> None:
    got = add_command(commands, "get", run.get, "show clusters, or one in full")
    got.add_argument("name", nargs="?", metavar="NAME", help="default: all clusters")
    got.add_argument(
        "-o",
        "--output",
        choices=FORMS,
        default="table",
        metavar="FORM",
        help="table (default), wide (more columns, lines are not wrapped), json or yaml",
    )
    events = add_command(commands, "events", run.events, "print an operation's events")
    _name(events)
    events.add_argument(
        "--follow", action="store_true", help="until the operation ends, with its exit code"
    )
    logs = add_command(commands, "logs", run.logs, "print what an operation's Ansible play wrote")
    _name(logs)
    logs.add_argument(
        "--follow", action="store_true", help="until the operation ends, with its exit code"
    )
    logs.add_argument(
        "--play", type=_positive, metavar="N", help="its number, if a play was started again"
    )
    for parser in (events, logs):
        parser.add_argument(
            "--operation", type=_positive, metavar="N", help="its number; default: the latest"
        )
    listed = add_command(commands, "operations", run.operations, "list a cluster's operations")
    _name(listed)
    listed.add_argument("--all", action="store_true", help="not only the latest 20")
    _target(logs)
    kept = add_command(commands, "backups", run.backups, "list a cluster's backups")
    _name(kept)
    kept.add_argument(
        "-o",
        "--output",
        choices=FORMS,
        default="table",
        metavar="FORM",
        help="table (default), wide (with digests, lines are not wrapped), json or yaml",
    )
    waited = add_command(commands, "wait", run.wait, "wait until a cluster is ready, or deleted")
    _name(waited)
    waited.add_argument(
        "--for",
        dest="goal",
        choices=GOALS,
        default=GOALS[0],
        metavar="GOAL",
        help="ready (default), ended (no operation runs, and the last one did not fail) or deleted",
    )
    waited.add_argument(
        "--timeout", type=_seconds, metavar="TIME", help="such as 90s, 30m or 2h; default: no limit"
    )
    page = add_command(commands, "view", run.view, "print the address of a cluster's page")
    _name(page)
    page.add_argument("--open", action="store_true", help="and open it in a browser")
    page.add_argument("--key", action="store_true", help="print the key instead, to be piped")
    for parser in (got, events, listed, kept, waited, page):
        add_json(parser)
        _target(parser)


def _ways_in(commands: Commands) -> None:
    config = add_command(commands, "kubeconfig", run.kubeconfig, "write a cluster's kubeconfig")
    _name(config)
    config.add_argument("--force", action="store_true", help="replace another cluster's file")
    where = config.add_mutually_exclusive_group()
    where.add_argument(
        "--merge",
        action="store_true",
        help="add it to the first file of KUBECONFIG, or to ~/.kube/config",
    )
    where.add_argument(
        "-o", "--output", metavar="FILE", help="default: NAME.kubeconfig; - prints it"
    )
    config.add_argument(
        "--port", type=_port, help="for a tunnel at this port, public frontend or not"
    )
    through = add_command(commands, "tunnel", run.tunnel, "the API on a local port, until Ctrl-C")
    _name(through)
    through.add_argument("--port", type=_port, help="default: 6443, or the next that is free")
    page = add_command(commands, "dashboard", run.dashboard, "a cluster's dashboard, until Ctrl-C")
    _name(page)
    page.add_argument("--port", type=_port, help="default: 4466, or the next that is free")
    page.add_argument("--no-browser", action="store_true", help="print the address only")
    page.add_argument(
        "--hours",
        type=int,
        choices=range(1, 13),
        default=1,
        metavar="1..12",
        help="how long the token is valid at most (default: 1)",
    )
    on_node = (
        add_command(commands, "ssh", run.ssh, "a shell on a machine, through the controller"),
        add_command(
            commands, "exec", run.execute, "run a command on a machine, with its exit code"
        ),
    )
    for parser in on_node:
        _name(parser)
        parser.add_argument("node", metavar="NODE", help="such as etcd-0 or controller")
    on_node[1].add_argument(
        "argv",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the command and its arguments; options of slipway stand before NAME",
    )
    for parser in (config, through, page, *on_node):
        _target(parser)
        parser.add_argument("--vault", metavar="URL", help="another vault than the app's own")


def _installation(commands: Commands) -> None:
    login = add_command(commands, "login", run.login, "show how to sign in, and who is signed in")
    text = "check an installation, and say how to fix what fails"
    doctor = add_command(commands, "doctor", run.doctor, text)
    doctor.add_argument("name", nargs="?", metavar="NAME", help="a cluster: try its controller too")
    doctor.add_argument("--location", metavar="REGION", help="where clusters would be")
    doctor.add_argument("--group", metavar="GROUP", help="the group that clusters are kept to")
    for parser in (login, doctor):
        add_json(parser)
        _target(parser)


def _contexts(commands: Commands) -> None:
    text = "list, select, add or remove named installations"
    parser = commands.add_parser("context", help=text, description=text, allow_abbrev=False)
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    add_json(add_command(inner, "list", run.list_contexts, "list the installations"))
    used = add_command(inner, "use", run.use_context, "select one for the commands that follow")
    added = add_command(inner, "add", run.add_context, "add one; the first one is selected")
    removed = add_command(inner, "remove", run.remove_context, "forget one; changes nothing there")
    for one in (used, added, removed):
        one.add_argument("name", metavar="NAME", help="the installation's name on this machine")
    added.add_argument("--url", required=True, metavar="URL", help="address of the function app")
    added.add_argument(
        "--client-id", metavar="ID", help="GUID of the app registration, to send tokens"
    )
    keys = added.add_mutually_exclusive_group()
    keys.add_argument(
        "--key-command", metavar="COMMAND", help="prints the key; run without a shell, each time"
    )
    keys.add_argument("--key-variable", metavar="VARIABLE", help="variable that has the key")
    keys.add_argument(
        "--key-stdin",
        action="store_true",
        help="read the key from standard input, and store it in the file, which you alone can read",
    )
    added.add_argument("--force", action="store_true", help="replace one of the same name")


def _mirror(commands: Commands) -> None:
    text = "fill a directory with all that machines download, checked; run it again to resume"
    parser = add_command(commands, "mirror", run.mirror, text)
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="only look whether DIR is complete; fetches nothing"
    )
    parser.add_argument("--manifest", metavar="FILE", help="default: the manifest of this version")
    parser.add_argument(
        "--kubernetes",
        metavar="VERSION",
        action="append",
        default=[],
        help="only this minor, or this patch by its publisher's own checksums; may be given twice",
    )
    add_json(parser)


def _completion(program: argparse.ArgumentParser, commands: Commands) -> None:
    parser = add_command(
        commands, "completion", run.completion, "print the completion script for a shell"
    )
    parser.description = COMPLETION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(parser=program)
    helped = add_command(commands, "help", run.print_help, "print the help, or that of a command")
    helped.add_argument("topic", nargs="?", metavar="COMMAND")
    helped.set_defaults(commands=commands, parser=program)


def add_command(
    commands: Commands, name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=command, used=parser)
    return parser


def _target(parser: argparse.ArgumentParser) -> None:
    """Adds the options of commands that ask the API."""
    parser.add_argument(
        "--context", metavar="NAME", help="the installation ('slipway context'); lab: the lab"
    )
    parser.add_argument(
        "--debug", action="store_true", help="print requests and answers, without secrets"
    )


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the cluster's name")


def _node(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of commands that empty one node."""
    _name(parser)
    parser.add_argument("node", metavar="NODE", help="its name, as 'slipway get' shows it")
    parser.add_argument(
        "--force", action="store_true", help="delete pods that cannot be evicted in time"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--no-wait", action="store_true", help="return once it is accepted")


def _full(parser: argparse.ArgumentParser) -> None:
    text = "run every stage on every machine, not only on those that changes concern"
    parser.add_argument("--full", action="store_true", help=text)


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="spec in YAML or JSON; - reads it here"
    )


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port (1 to 65535)")


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")


def _seconds(text: str) -> float:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in UNITS else (text, "s")
    if number.isdecimal():
        return float(number) * UNITS[unit]
    raise argparse.ArgumentTypeError(f"'{text}' is not a time such as 90s, 30m or 2h")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
