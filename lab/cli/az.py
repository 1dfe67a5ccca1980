"""`lab az`: runs Microsoft's command line, in an environment of its own, with the lab as its
Azure."""

import sys
from argparse import Namespace

from cli.exits import CommandError, Exit
from cli.local_lab import running_lab
from lab import control
from lab.azure_cli import SignInError, azure_cli
from lab.cli.privileges import become_root
from lab.environment import prepare
from lab.paths import ROOT

VENV, LOCK = ROOT / ".venv-azure-cli", ROOT / "requirements" / "azure-cli.txt"
PROGRAM = VENV / "bin" / "az"
# The directory is in the lab's state, so `lab down` removes it. The user's own is never changed.
CONFIG = "azure-cli"


def run(args: Namespace) -> int:
    """Runs the command and returns its exit code."""
    argv = args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    if not argv:
        raise CommandError(Exit.REFUSED, "which command? slipway lab az -- group list")
    become_root("lab az")
    lab = running_lab().info
    fault = prepare(VENV, LOCK, lambda text: print(text, file=sys.stderr, flush=True))
    if fault:
        text = f"pip could not install requirements/{LOCK.name}:\n{fault}"
        raise CommandError(Exit.FAILED, text)
    try:
        with azure_cli(PROGRAM, lab["azure"], lab["identityHeader"], control.STATE / CONFIG) as az:
            return az.run_at_terminal(argv)
    except SignInError as error:
        text = f"the sign-in to the lab's Azure failed: {error}"
        raise CommandError(Exit.FAILED, text) from None
