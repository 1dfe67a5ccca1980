"""The commands get, events and cancel: show clusters, or end an operation."""

import json
import time
from argparse import Namespace
from functools import partial

from cli.api import BUSY, Api, find_target
from cli.event_lines import event_line
from cli.exits import Exit
from cli.follow import patiently
from cluster.api import ClusterDetail, ClusterList, EventList


def get(args: Namespace) -> int:
    api = Api(find_target())
    found = api.cluster(args.name) if args.name else api.clusters()
    if args.json:
        print(json.dumps(found.received()))
    else:
        _print_tables(found)
    return Exit.OK


def _print_tables(found: ClusterDetail | ClusterList) -> None:
    from rich.console import Console  # noqa: PLC0415 -- not loaded for --json

    from cli.tables import print_clusters, show_cluster  # noqa: PLC0415 -- the same

    if isinstance(found, ClusterDetail):
        show_cluster(found, Console())
    else:
        print_clusters(found.clusters, Console())


def events(args: Namespace) -> int:
    """Prints the events of a run. With --json, prints one object per line as events arrive."""
    api = Api(find_target())
    found = api.events(args.name, 0)
    generation = found.generation
    seen = _print_events(found, args.json)
    ask_cluster = partial(api.cluster, args.name)
    while args.follow:
        # The cluster is read before the events, so that the last events of an ended run are
        # printed.
        cluster = patiently(ask_cluster, api.poll_seconds, following=True)
        ended = cluster.state not in BUSY or cluster.generation != generation
        ask_events = partial(api.events, args.name, seen, generation)
        found = patiently(ask_events, api.poll_seconds, following=True)
        seen = max(_print_events(found, args.json), seen)
        if ended:
            break
        time.sleep(api.poll_seconds)
    return Exit.OK


def _print_events(found: EventList, as_json: bool) -> int:
    for event in found.events:
        print(json.dumps(event.received()) if as_json else event_line(event), flush=True)
    return found.next


def cancel(args: Namespace) -> int:
    """Requests the cancellation. Returns once the request is accepted; the run then ends in order,
    which takes some time."""
    api = Api(find_target())
    accepted = patiently(partial(api.cancel, args.name), api.poll_seconds)
    if args.json:
        print(json.dumps(accepted.received()))
    else:
        print(f"cancelling; 'slipway events {args.name} --follow' shows how it ends")
    return Exit.OK
