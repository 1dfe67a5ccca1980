"""The command view: prints the address of the page that shows a cluster's runs. The address never
contains the key."""

import argparse
import json
import sys
import webbrowser
from urllib.parse import quote

from cli.api import Api
from cli.exits import CommandError, Exit
from cli.targets import find_target


def view(args: argparse.Namespace) -> int:
    """Prints or opens the address. Returns exit code 1 if the cluster does not exist, or with
    --open if there is no browser."""
    target = find_target(args)
    if args.key:
        if args.json or args.open:
            text = "--key prints the key and nothing else: leave out --json and --open"
            raise CommandError(Exit.REFUSED, text)
        if not target.key:
            raise CommandError(
                Exit.REFUSED, "there is no key: SLIPWAY_KEY is not set, and no context has one"
            )
        print(target.key)
        return Exit.OK
    # Checks the name first: otherwise the page would report a wrong name only after it asked for
    # the key.
    Api(target).cluster(args.name)
    url = f"{target.url}/api/clusters/{quote(args.name, safe='')}/view"
    print(json.dumps({"url": url}) if args.json else url)
    if sys.stdout.isatty() and not args.json and target.key:
        text = f"It asks for the function key: 'slipway view {args.name} --key', into the clipboard"
        print(text, file=sys.stderr)
    if args.open and not webbrowser.open(url):
        raise CommandError(Exit.FAILED, f"no browser could be opened; the page is {url}")
    return Exit.OK
