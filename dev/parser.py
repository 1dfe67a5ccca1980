"""The commands of a checkout: the operator's, the lab's, and those for tests and packaging."""

import argparse

from cli.arguments import Commands, add_command, add_json, add_operator_commands
from cli.parser import EXAMPLES, EXIT_CODES, SETTINGS, new_parser
from dev import package, template
from lab.cli.parser import add_lab_commands

EPILOG = f"""\
examples:
  slipway demo                              the whole path on this machine, then take it down
  slipway demo --keep --json                leave the lab up; the final status as the last line
{EXAMPLES}\
  slipway package -o slipway.zip            what runs in Azure, from the commit; proved to start
  slipway lab exec demo-etcd-0 -- systemctl status etcd
  slipway lab az -- vm list -o table        Microsoft's command line, against the lab's Azure

{SETTINGS}\
  SLIPWAY_LAB_DIR            the lab's state (default /var/lib/slipway-lab)
  SLIPWAY_CACHE              machine image, Azurite, mirror (default /var/cache/slipway);
                             the package's dependencies (not as root: ~/.cache/slipway)
  SLIPWAY_FUNCTIONS_HOST     directory or archive of functions-host, for --engine azure-storage

{EXIT_CODES}"""

TEST_DESCRIPTION = """\
Runs every static check, then the tests that are not long. Unknown arguments go to pytest:
  slipway test -k spec
  slipway test --all tests/lab
  slipway test --all --artifacts DIR    the full cluster too: it fails where that cannot run
  slipway test --all --artifacts DIR --conformance SUITE    and some of Kubernetes' own specs
"""


def build_parser() -> argparse.ArgumentParser:
    parser = new_parser(EPILOG)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_operator_commands(parser, commands)
    add_lab_commands(commands)
    _package(commands)
    joined = add_command(
        commands, "template", template.template, "join the installation's templates"
    )
    joined.add_argument("--check", action="store_true", help="only say whether it is up to date")
    # Its arguments are not parsed here: main() passes them to pytest unchanged.
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
    test.add_argument(
        "--conformance", metavar="DIR", help="Kubernetes' own suite, for the full cluster"
    )
    return parser


def _package(commands: Commands) -> None:
    text = "make the zip that is deployed, and prove that the app indexes from it"
    parser = add_command(commands, "package", package.package, text)
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
    add_json(parser)
