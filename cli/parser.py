"""The command line's words: commands, options, and the help that documents them."""

import argparse
from collections.abc import Callable

from cli import (
    apply,
    demo,
    doctor,
    kubeconfig,
    lab,
    lab_az,
    mirror,
    package,
    show,
    template,
    tunnel,
    view,
)
from lab.host import ENGINES

type Command = Callable[[argparse.Namespace], int]

DESCRIPTION = "Kubernetes clusters on Azure virtual machines, from one HTTP call."

EPILOG = """\
examples:
  slipway demo                              the whole path on this machine, then take it down
  slipway demo --keep --json                leave the lab up; the final status as the last line
  slipway plan -f cluster.yaml              names, addresses, deployments; creates nothing
  slipway apply -f cluster.yaml             make it so, and show how
  slipway apply -f cluster.yaml --no-wait   return at once; 'events NAME --follow' shows the run
  slipway view demo --open                  the run in a browser; the page asks for the key
  slipway get demo --json                   state, phases, nodes, cause of a failure
  slipway kubeconfig demo                   write demo.kubeconfig, for kubectl
  slipway doctor                            examine the installation, with what mends it
  slipway tunnel demo                       the API on 127.0.0.1:6443, until Ctrl-C
  slipway mirror /srv/mirror                all downloads, for machines without the internet
  slipway package -o slipway.zip            what runs in Azure, from the commit; proved to start
  slipway lab exec demo-etcd-0 -- systemctl status etcd
  slipway lab az -- vm list -o table        Microsoft's command line, against the lab's Azure

where requests go:
  SLIPWAY_URL, SLIPWAY_KEY   the function app and its key; otherwise the lab on this machine
  SLIPWAY_LAB_DIR            the lab's state (default /var/lib/slipway-lab)
  SLIPWAY_CACHE              machine image, Azurite, mirror (default /var/cache/slipway);
                             the package's dependencies (not as root: ~/.cache/slipway)
  SLIPWAY_FUNCTIONS_HOST     directory or archive of functions-host, for --engine azure-storage

exit codes:
  0    success                         4    the API cannot be reached
  1    failed                          5    the app or its host did not load
  2    wrong usage, or refused         130  Ctrl-C (the run itself goes on)
  3    the operation was cancelled
"""

TEST_DESCRIPTION = """\
Runs every static check, then the tests that are not long. Unknown arguments go to pytest:
  slipway test -k spec
  slipway test --all tests/lab
  slipway test --all --artifacts DIR    the full cluster too: it fails where that cannot run
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _clusters(commands)
    _demo(commands)
    _mirror(commands)
    _package(commands)
    joined = _add(commands, "template", template.template, "join the installation's templates")
    joined.add_argument("--check", action="store_true", help="only say whether it is up to date")
    # Its arguments never come here: main() hands them on as they are, for they are pytest's.
    test = commands.add_parser(
        "test",
        help="run the checks and tests",
        description=TEST_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument("--all", action="store_true", help="the long tests too")
    test.add_argument(
        "--artifacts", metavar="DIR", help="a mirror with Kubernetes, for the full cluster's tests"
    )
    _lab(commands)
    return parser


type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _clusters(commands: Commands) -> None:
    plan = _add(commands, "plan", apply.plan, "say what would be done; create nothing")
    _file(plan)
    made = _add(commands, "apply", apply.apply, "make a cluster as its spec asks, or change it")
    _file(made)
    made.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    got = _add(commands, "get", show.get, "show clusters, or one in full")
    got.add_argument("name", nargs="?", metavar="NAME")
    events = _add(commands, "events", show.events, "print a run's events")
    events.add_argument("name", metavar="NAME")
    events.add_argument("--follow", action="store_true", help="until the run ends")
    page = _add(commands, "view", view.view, "print the address of the page that shows a run")
    page.add_argument("name", metavar="NAME")
    page.add_argument("--open", action="store_true", help="and open it in a browser")
    page.add_argument("--key", action="store_true", help="print the key instead, to be piped")
    cancel = _add(commands, "cancel", show.cancel, "end a running operation in order")
    cancel.add_argument("name", metavar="NAME")
    delete = _add(commands, "delete", apply.delete, "remove a cluster and its machines")
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--no-wait", action="store_true", help="return once it is accepted")
    for parser in (plan, made, got, events, page, cancel, delete):
        _json(parser)
    _ways_in(commands)
    _doctor(commands)


def _doctor(commands: Commands) -> None:
    text = "examine an installation, and say what mends it"
    parser = _add(commands, "doctor", doctor.doctor, text)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a cluster: try its controller too")
    parser.add_argument("--location", metavar="REGION", help="where clusters would be")
    parser.add_argument("--group", metavar="GROUP", help="the group that clusters are kept to")
    _json(parser)


def _ways_in(commands: Commands) -> None:
    config = _add(commands, "kubeconfig", kubeconfig.kubeconfig, "write a cluster's kubeconfig")
    config.add_argument("name", metavar="NAME")
    config.add_argument(
        "-o", "--output", metavar="FILE", help="default: NAME.kubeconfig; - prints it"
    )
    config.add_argument("--force", action="store_true", help="replace another cluster's file")
    config.add_argument(
        "--port", type=_port, help="for a tunnel at this port, public frontend or not"
    )
    through = _add(commands, "tunnel", tunnel.tunnel, "the API on a local port, until Ctrl-C")
    through.add_argument("name", metavar="NAME")
    through.add_argument("--port", type=_port, help="default: 6443, or the next that is free")
    for parser in (config, through):
        parser.add_argument("--vault", metavar="URL", help="another vault than the app's own")


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port (1 to 65535)")


def _demo(commands: Commands) -> None:
    parser = _add(commands, "demo", demo.demo, "run the whole path in a lab on this machine")
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    parser.add_argument("--spec", metavar="FILE", help="default: examples/demo.yaml")
    parser.add_argument("--artifacts", metavar="DIR|URL", help="mirror of all that is downloaded")
    _engine(parser)
    _json(parser)


def _mirror(commands: Commands) -> None:
    text = "fill a directory with all that machines download, checked; run it again to go on"
    parser = _add(commands, "mirror", mirror.mirror, text)
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
    _json(parser)


def _package(commands: Commands) -> None:
    text = "make the zip that is deployed, and prove that the app indexes from it"
    parser = _add(commands, "package", package.package, text)
    parser.add_argument("-o", "--output", metavar="FILE", help="default: slipway-COMMIT.zip")
    parser.add_argument("--list", action="store_true", help="print its files; write nothing")
    parser.add_argument(
        "--backend",
        choices=package.BACKENDS,
        default=package.BACKENDS[0],
        help="as the installation's parameter durableBackend (default: %(default)s)",
    )
    parser.add_argument(
        "--with-packages",
        action="store_true",
        help="the dependencies inside, for Azure's Linux: deploy with --build-remote false",
    )
    parser.add_argument(
        "--allow-dirty",
        action="store_true",
        help="tracked files as they are, though they differ from the commit",
    )
    _json(parser)


def _lab(commands: Commands) -> None:
    parser = commands.add_parser("lab", help="the lab: Azure and its machines on this machine")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up = _add(actions, "up", lab.up, "start it, with what an earlier one left")
    up.add_argument("--artifacts", metavar="DIR|URL", help="mirror that clusters use by default")
    _engine(up)
    _add(actions, "down", lab.down, "take it down, also after a crash")
    _json(_add(actions, "status", lab.status, "what is there; exit code 1 where it is not up"))
    inside = _add(actions, "exec", lab.execute, "run a command as root in a machine")
    inside.add_argument("node", metavar="NODE")
    inside.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    microsoft = _add(actions, "az", lab_az.run, "Microsoft's command line against the lab's Azure")
    microsoft.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGS")
    _add(actions, "slack", lab.slack, "the messages that were received, as JSON lines")
    event = _add(actions, "event", lab.event, "send what Event Grid sends for a resource group")
    event.add_argument("--group", required=True, metavar="NAME")
    event.add_argument("--tag", metavar="TEXT", help="its tag 'slipway', such as 'small;workers=3'")
    event.add_argument("--location", default="westeurope")
    event.add_argument("--deleted", action="store_true", help="delete the group, and tell so")


def _add(commands: Commands, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="spec in YAML or JSON; - reads it here"
    )


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="what runs orchestrations: in memory, or Microsoft's own Durable extension, which "
        "needs functions-host (docs/engines.md; default: %(default)s)",
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
