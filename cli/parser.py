"""The command line's words: commands, options, and the help that documents them."""

import argparse
from collections.abc import Callable

from cli import apply, doctor, kubeconfig, mirror, show, tunnel, view

type Command = Callable[[argparse.Namespace], int]
type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"

DESCRIPTION = "Kubernetes clusters on Azure virtual machines, from one HTTP call."

EPILOG = """\
examples:
  slipway plan -f cluster.yaml              names, addresses, deployments; creates nothing
  slipway apply -f cluster.yaml             make it so, and show how
  slipway apply -f cluster.yaml --no-wait   return at once; 'events NAME --follow' shows the run
  slipway view demo --open                  the run in a browser; the page asks for the key
  slipway get demo --json                   state, phases, nodes, cause of a failure
  slipway kubeconfig demo                   write demo.kubeconfig, for kubectl
  slipway doctor                            examine the installation, with what mends it
  slipway tunnel demo                       the API on 127.0.0.1:6443, until Ctrl-C
  slipway mirror /srv/mirror                all downloads, for machines without the internet

where requests go:
  SLIPWAY_URL, SLIPWAY_KEY   the function app and its key; otherwise the lab on this machine
  SLIPWAY_LAB_DIR            the lab's state (default /var/lib/slipway-lab)

exit codes:
  0    success                         4    the API cannot be reached
  1    failed                          5    the app or its host did not load
  2    wrong usage, or refused         130  Ctrl-C (the run itself goes on)
  3    the operation was cancelled
"""


def build_parser() -> argparse.ArgumentParser:
    """The operator's commands: what a pipeline or a person does with an installation."""
    parser = new_parser(EPILOG)
    add_operator_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    return parser


def new_parser(epilog: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="slipway",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_operator_commands(commands: Commands) -> None:
    _clusters(commands)
    _mirror(commands)


def _clusters(commands: Commands) -> None:
    plan = add_command(commands, "plan", apply.plan, "say what would be done; create nothing")
    _file(plan)
    made = add_command(
        commands, "apply", apply.apply, "make a cluster as its spec asks, or change it"
    )
    _file(made)
    made.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    got = add_command(commands, "get", show.get, "show clusters, or one in full")
    got.add_argument("name", nargs="?", metavar="NAME")
    events = add_command(commands, "events", show.events, "print a run's events")
    events.add_argument("name", metavar="NAME")
    events.add_argument("--follow", action="store_true", help="until the run ends")
    page = add_command(
        commands, "view", view.view, "print the address of the page that shows a run"
    )
    page.add_argument("name", metavar="NAME")
    page.add_argument("--open", action="store_true", help="and open it in a browser")
    page.add_argument("--key", action="store_true", help="print the key instead, to be piped")
    cancel = add_command(commands, "cancel", show.cancel, "end a running operation in order")
    cancel.add_argument("name", metavar="NAME")
    delete = add_command(commands, "delete", apply.delete, "remove a cluster and its machines")
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    for parser in (plan, made, got, events, page, cancel, delete):
        add_json(parser)
    _ways_in(commands)
    _doctor(commands)


def _doctor(commands: Commands) -> None:
    text = "examine an installation, and say what mends it"
    parser = add_command(commands, "doctor", doctor.doctor, text)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a cluster: try its controller too")
    parser.add_argument("--location", metavar="REGION", help="where clusters would be")
    parser.add_argument("--group", metavar="GROUP", help="the group that clusters are kept to")
    add_json(parser)


def _ways_in(commands: Commands) -> None:
    config = add_command(
        commands, "kubeconfig", kubeconfig.kubeconfig, "write a cluster's kubeconfig"
    )
    config.add_argument("name", metavar="NAME")
    config.add_argument(
        "-o", "--output", metavar="FILE", help="default: NAME.kubeconfig; - prints it"
    )
    config.add_argument("--force", action="store_true", help="replace another cluster's file")
    config.add_argument(
        "--port", type=_port, help="for a tunnel at this port, public frontend or not"
    )
    through = add_command(
        commands, "tunnel", tunnel.tunnel, "the API on a local port, until Ctrl-C"
    )
    through.add_argument("name", metavar="NAME")
    through.add_argument("--port", type=_port, help="default: 6443, or the next that is free")
    for parser in (config, through):
        parser.add_argument("--vault", metavar="URL", help="another vault than the app's own")


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port (1 to 65535)")


def _mirror(commands: Commands) -> None:
    text = "fill a directory with all that machines download, checked; run it again to go on"
    parser = add_command(commands, "mirror", mirror.mirror, text)
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="only look whether DIR is complete; fetches nothing"
    )
    parser.add_argument("--manifest", metavar="FILE", help="default: playbooks/vars/manifest.yml")
    parser.add_argument(
        "--kubernetes",
        metavar="VERSION",
        help="another patch than the pinned one, by the publisher's own checksums",
    )
    add_json(parser)


def add_command(commands: Commands, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="spec in YAML or JSON; - reads it here"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
