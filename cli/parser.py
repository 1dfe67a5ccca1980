"""The command line: commands, options and their help."""

import argparse
from collections.abc import Callable

from cli import commands as run
from cli.version import VersionAction

type Command = Callable[[argparse.Namespace], int]
type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"

DESCRIPTION = "Kubernetes clusters on Azure virtual machines, from one HTTP call."

EXAMPLES = """\
  slipway plan -f cluster.yaml              names, addresses, deployments; creates nothing
  slipway apply -f cluster.yaml             create or change the cluster, and show the run
  slipway apply -f cluster.yaml --no-wait   return at once; 'events NAME --follow' shows the run
  slipway view demo --open                  the run in a browser; the page asks for the key
  slipway get demo --json                   state, phases, nodes, cause of a failure
  slipway kubeconfig demo                   write demo.kubeconfig, for kubectl
  slipway doctor                            check the installation, and how to fix what fails
  slipway tunnel demo                       the API on 127.0.0.1:6443, until Ctrl-C
  slipway mirror /srv/mirror                all downloads, for machines without the internet
"""

SETTINGS = """\
where requests go:
  SLIPWAY_URL, SLIPWAY_KEY   the function app and its key; otherwise a lab on this machine
  SLIPWAY_CLIENT_ID          where it takes tokens: its app registration; 'slipway login' says more
"""

EXIT_CODES = """\
exit codes:
  0    success                         4    the API cannot be reached
  1    failed                          5    the app or its host did not load
  2    wrong usage, or refused         130  Ctrl-C (the run itself continues)
  3    the operation was cancelled
"""

COMPLETION = """\
Prints a script for the shell. To load it:
  bash  eval "$(slipway completion bash)"                              in ~/.bashrc
  zsh   slipway completion zsh > DIR/_slipway                          DIR is in $fpath
  fish  slipway completion fish > ~/.config/fish/completions/slipway.fish
"""
SHELLS = ("bash", "zsh", "fish")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser with the operator's commands, for people and pipelines that use an
    installation."""
    completion = "  slipway completion bash                   completion for bash, zsh or fish\n"
    parser = new_parser(f"examples:\n{EXAMPLES}{completion}\n{SETTINGS}\n{EXIT_CODES}")
    add_operator_commands(parser, parser.add_subparsers(metavar="COMMAND", required=True))
    return parser


def new_parser(epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=VersionAction, nargs=0, help="print the version and exit"
    )
    return parser


def add_operator_commands(parser: argparse.ArgumentParser, commands: Commands) -> None:
    """Adds the operator's commands. `parser` is the top-level parser, from which completion is
    made."""
    _clusters(commands)
    _mirror(commands)
    _completion(parser, commands)


def _clusters(commands: Commands) -> None:
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
    adopted.add_argument("name", metavar="NAME")
    _file(adopted)
    adopted.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    got = add_command(commands, "get", run.get, "show clusters, or one in full")
    got.add_argument("name", nargs="?", metavar="NAME")
    events = add_command(commands, "events", run.events, "print a run's events")
    events.add_argument("name", metavar="NAME")
    events.add_argument("--follow", action="store_true", help="until the run ends")
    page = add_command(commands, "view", run.view, "print the address of the page that shows a run")
    page.add_argument("name", metavar="NAME")
    page.add_argument("--open", action="store_true", help="and open it in a browser")
    page.add_argument("--key", action="store_true", help="print the key instead, to be piped")
    cancel = add_command(commands, "cancel", run.cancel, "end a running operation in order")
    cancel.add_argument("name", metavar="NAME")
    delete = add_command(commands, "delete", run.delete, "remove a cluster and its machines")
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    gone = add_command(commands, "delete-node", run.delete_node, "remove one worker by its name")
    gone.add_argument("name", metavar="NAME")
    gone.add_argument("node", metavar="NODE")
    gone.add_argument(
        "--force", action="store_true", help="delete pods that cannot be evicted in time"
    )
    gone.add_argument("--yes", action="store_true", help="do not ask")
    gone.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    text = "move a record that cannot be read out of the way; removes nothing"
    forget = add_command(commands, "forget", run.forget, text)
    forget.add_argument("name", metavar="NAME")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (plan, made, adopted, got, events, page, cancel, delete, gone, forget):
        add_json(parser)
    _ways_in(commands)
    login = add_command(commands, "login", run.login, "show how to sign in, and who is signed in")
    add_json(login)
    _doctor(commands)


def _doctor(commands: Commands) -> None:
    text = "check an installation, and say how to fix what fails"
    parser = add_command(commands, "doctor", run.doctor, text)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a cluster: try its controller too")
    parser.add_argument("--location", metavar="REGION", help="where clusters would be")
    parser.add_argument("--group", metavar="GROUP", help="the group that clusters are kept to")
    add_json(parser)


def _ways_in(commands: Commands) -> None:
    config = add_command(commands, "kubeconfig", run.kubeconfig, "write a cluster's kubeconfig")
    config.add_argument("name", metavar="NAME")
    config.add_argument(
        "-o", "--output", metavar="FILE", help="default: NAME.kubeconfig; - prints it"
    )
    config.add_argument("--force", action="store_true", help="replace another cluster's file")
    config.add_argument(
        "--port", type=_port, help="for a tunnel at this port, public frontend or not"
    )
    through = add_command(commands, "tunnel", run.tunnel, "the API on a local port, until Ctrl-C")
    through.add_argument("name", metavar="NAME")
    through.add_argument("--port", type=_port, help="default: 6443, or the next that is free")
    for parser in (config, through):
        parser.add_argument("--vault", metavar="URL", help="another vault than the app's own")


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port (1 to 65535)")


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
        help="another patch than the pinned one, by the publisher's own checksums",
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


def add_command(
    commands: Commands, name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=command)
    return parser


def _full(parser: argparse.ArgumentParser) -> None:
    text = "run every stage on every machine, not only on those that changes concern"
    parser.add_argument("--full", action="store_true", help=text)


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="spec in YAML or JSON; - reads it here"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
