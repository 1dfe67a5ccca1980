"""view: the address of the page that shows a cluster's runs. The key is not in it, and never is."""

import argparse
import json
import sys
import webbrowser
from urllib.parse import quote

from cli.api import Api, find_target
from cli.exits import CommandError, Exit


def view(args: argparse.Namespace) -> int:
    """Exit code 1 where the cluster is not there, or, with --open, no browser is."""
    target = find_target()
    if args.key:
        if not target.key:
            raise CommandError(Exit.REFUSED, "there is no key: SLIPWAY_KEY is not set")
        print(target.key)
        return Exit.OK
    # A page that wants a key and only then says that the name was wrong helps nobody.
    Api(target).cluster(args.name)
    url = f"{target.url}/api/clusters/{quote(args.name, safe='')}/view"
    print(json.dumps({"url": url}) if args.json else url)
    if sys.stdout.isatty() and not args.json:
        text = f"It asks for the function key: 'slipway view {args.name} --key', into the clipboard"
        print(text, file=sys.stderr)
    if args.open and not webbrowser.open(url):
        raise CommandError(Exit.FAILED, f"no browser could be opened; the page is {url}")
    return Exit.OK
