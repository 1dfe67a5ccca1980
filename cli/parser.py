"""The command line: the top-level parser and its help."""

import argparse

from cli.arguments import add_operator_commands
from cli.version import VersionAction

DESCRIPTION = "Kubernetes clusters on Azure virtual machines, from one HTTP call."

EXAMPLES = """\
  slipway init demo                         write demo.yaml, a commented spec
  slipway validate -f cluster.yaml          check it on this machine
  slipway plan -f cluster.yaml              names, addresses, deployments; creates nothing
  slipway apply -f cluster.yaml             create or change the cluster, and show how
  slipway apply -f cluster.yaml --no-wait   return at once; 'events NAME --follow' shows how
  slipway view demo --open                  the same in a browser; the page asks for the key
  slipway get demo -o json                  state, phases, nodes, cause of a failure
  slipway logs demo --operation 3           what the Ansible play of an operation wrote
  slipway wait demo --timeout 30m           until it is ready; exit code 6 if it takes longer
  slipway kubeconfig demo                   write demo.kubeconfig, for kubectl
  slipway doctor                            check the installation, and how to fix what fails
  slipway tunnel demo                       the API on 127.0.0.1:6443, until Ctrl-C
  slipway dashboard demo                    its dashboard in a browser, until Ctrl-C
  slipway exec demo etcd-0 -- journalctl -u etcd -n 50
  slipway mirror /srv/mirror                all downloads, for machines without the internet
"""

SETTINGS = """\
where requests go:
  --context, SLIPWAY_CONTEXT a named installation ('slipway context add'); lab: that of this machine
  SLIPWAY_URL, SLIPWAY_KEY   otherwise the function app and its key; otherwise the current context,
                             otherwise a lab on this machine
  SLIPWAY_CLIENT_ID          where it takes tokens: its app registration; 'slipway login' says more
"""

EXIT_CODES = """\
exit codes:
  0    success                         4    the API cannot be reached
  1    failed                          5    the app or its host did not load
  2    wrong usage, or refused         6    wait: the time is over
  3    the operation was cancelled     130  Ctrl-C (the operation itself continues)
"""


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
