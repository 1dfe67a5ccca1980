"""The command logs: prints what the Ansible play of an operation wrote."""

import sys
import time
from argparse import Namespace
from functools import partial

from cli.api import BUSY, Api
from cli.exits import Exit
from cli.follow import end_of, patiently
from cli.targets import find_target
from cli.text import clean
from cluster.api_history import PlayLog


def logs(args: Namespace) -> int:
    """Prints the output of a play. With --follow, also of the plays that replace it when it is
    lost, and returns the exit code of the operation."""
    api = Api(find_target(args))
    found = api.log(args.name, 0, args.operation or 0, args.play or 0)
    generation = found.generation
    if not args.follow:
        found = _print_rest(api, found)
        if not found.play:
            print(f"slipway: operation {generation} has not started a play", file=sys.stderr)
        return Exit.OK
    ask_cluster = partial(api.cluster, args.name)
    while True:
        # The cluster is read before the log, so that the end of the log is printed.
        cluster = patiently(ask_cluster, api.poll_seconds, following=True)
        ended = cluster.state not in BUSY or cluster.generation != generation
        found = _print_rest(api, found)
        if later := [play for play in found.plays if play > found.play]:
            print(f"slipway: play {later[0]} of operation {generation}", file=sys.stderr)
            found = _part(api, found, later[0], 0)
        elif ended:
            return end_of(api, args.name, generation)
        else:
            time.sleep(api.poll_seconds)
            found = _part(api, found, found.play, found.next)


def _print_rest(api: Api, found: PlayLog) -> PlayLog:
    """Prints the part and those behind it. Returns the last one."""
    sys.stdout.write(clean(found.text))
    while found.more:
        found = _part(api, found, found.play, found.next)
        sys.stdout.write(clean(found.text))
    sys.stdout.flush()
    return found


def _part(api: Api, found: PlayLog, play: int, after: int) -> PlayLog:
    """Returns a part of the same operation's output. `play` is 0 until there is one."""
    ask = partial(api.log, found.name, after, found.generation, play)
    return patiently(ask, api.poll_seconds, following=True)
