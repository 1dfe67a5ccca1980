"""The lab's commands, their options, and the help that documents them."""

import argparse

from cli.arguments import Commands, add_command, add_json
from clients.access_settings import Access
from cluster.access import APP_ROLES
from lab.cli import az, conformance, demo
from lab.cli import commands as lab
from lab.cli import token as lab_token
from lab.host import ENGINES


def add_lab_commands(commands: Commands) -> None:
    _demo(commands)
    _lab(commands)


def _demo(commands: Commands) -> None:
    parser = add_command(commands, "demo", demo.demo, "run the whole path in a lab on this machine")
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    parser.add_argument("--spec", metavar="FILE", help="default: examples/demo.yaml")
    parser.add_argument("--artifacts", metavar="DIR|URL", help="mirror of all that is downloaded")
    _engine(parser)
    add_json(parser)


def _lab(commands: Commands) -> None:
    parser = commands.add_parser("lab", help="the lab: Azure and its machines on this machine")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up = add_command(actions, "up", lab.up, "start it, with what an earlier one left")
    up.add_argument("--artifacts", metavar="DIR|URL", help="mirror that clusters use by default")
    up.add_argument(
        "--access",
        choices=tuple(Access),
        default=Access.KEYS,
        help="how the app's callers identify themselves (default: %(default)s)",
    )
    _engine(up)
    add_command(actions, "down", lab.down, "take it down, also after a crash")
    add_json(
        add_command(actions, "status", lab.status, "what is there; exit code 1 where it is not up")
    )
    inside = add_command(actions, "exec", lab.execute, "run a command as root in a machine")
    inside.add_argument("node", metavar="NODE")
    inside.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    microsoft = add_command(
        actions, "az", az.run, "Microsoft's command line against the lab's Azure"
    )
    microsoft.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGS")
    _conformance(actions)
    add_command(actions, "slack", lab.slack, "the messages that were received, as JSON lines")
    token = add_command(actions, "token", lab_token.run, "a token of the lab's tenant for the API")
    token.add_argument("name", metavar="NAME", help="such as ada@example.org")
    token.add_argument("--role", action="append", default=[], choices=tuple(APP_ROLES))
    token.add_argument("--group", action="append", default=[], metavar="ID")
    token.add_argument("--workload", action="store_true", help="of a pipeline, not of a person")
    event = add_command(
        actions, "event", lab.event, "send what Event Grid sends for a resource group"
    )
    event.add_argument("--group", required=True, metavar="NAME")
    event.add_argument("--tag", metavar="TEXT", help="its tag 'slipway', such as 'small;workers=3'")
    event.add_argument("--location", default="westeurope")
    event.add_argument(
        "--deleted", action="store_true", help="delete the group, and send its event"
    )


def _conformance(actions: Commands) -> None:
    text = "Kubernetes' own conformance suite against a cluster of the lab, or any other"
    parser = add_command(actions, "conformance", conformance.run, text)
    parser.add_argument(
        "--suite",
        required=True,
        metavar="DIR",
        help="with e2e.test, ginkgo and kubectl, and the archives of the images in images/",
    )
    parser.add_argument(
        "--focus", default="", metavar="RE", help="only specs with this in their names"
    )
    parser.add_argument("--cluster", metavar="NAME", help="default: the lab's only one")
    parser.add_argument(
        "--kubeconfig", metavar="FILE", help="of any other cluster; its nodes pull the images"
    )
    parser.add_argument(
        "--parallel", type=int, default=8, metavar="N", help="specs at once (default: %(default)s)"
    )
    parser.add_argument(
        "--report",
        default="conformance",
        metavar="DIR",
        help="for summary.json, junit.xml and the output (default: ./%(default)s)",
    )
    parser.add_argument(
        "--skip-passed",
        metavar="REPORT",
        help="go on with an earlier run: what passed there counts, and does not run again",
    )


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="what runs orchestrations: in memory, or Microsoft's own Durable extension, which "
        "needs functions-host (docs/engines.md; default: %(default)s)",
    )
