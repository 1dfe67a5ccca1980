"""The command completion: prints a script that completes the command line in a shell."""

import argparse

import shtab

from cli.exits import Exit

# The kind of an argument's value, by its name in the help.
VALUES = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def completion(args: argparse.Namespace) -> int:
    """Prints the script. It is made from the parser that read this command, so in a checkout it has
    the checkout's commands. Cluster names are not completed, because each would need a request to
    the app."""
    _mark_files(args.parser)
    print(shtab.complete(args.parser, args.shell))
    return Exit.OK


def _mark_files(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                _mark_files(subparser)
        elif isinstance(action.metavar, str) and action.metavar in VALUES:
            action.complete = VALUES[action.metavar]  # type: ignore[attr-defined]
