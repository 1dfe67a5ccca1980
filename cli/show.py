"""The commands get, events, operations, backups and cancel: show clusters, or end an operation."""

import json
import sys
import time
from argparse import Namespace
from functools import partial
from typing import Any

from cli.api import BUSY, Api
from cli.event_lines import event_line
from cli.exits import Exit
from cli.follow import end_of, patiently
from cli.targets import find_target, target_to_change
from cluster.api import ClusterDetail, ClusterList, EventList


def get(args: Namespace) -> int:
    api = Api(find_target(args))
    form = "json" if args.json else args.output
    found = api.cluster(args.name) if args.name else api.clusters()
    if form == "json":
        print(json.dumps(found.received()))
    elif form == "yaml":
        _print_yaml(found.received())
    else:
        _print_tables(found, wide=form == "wide")
    return Exit.OK


def _print_yaml(document: dict[str, Any]) -> None:
    import yaml  # noqa: PLC0415 -- not loaded for --json

    sys.stdout.write(yaml.safe_dump(document, sort_keys=False))


def _print_tables(found: ClusterDetail | ClusterList, *, wide: bool) -> None:
    from cli.console import new_console  # noqa: PLC0415 -- rich is not loaded for --json
    from cli.tables import print_clusters, show_cluster  # noqa: PLC0415 -- the same

    console = new_console(wide=wide)
    if isinstance(found, ClusterDetail):
        show_cluster(found, console, wide=wide)
    else:
        print_clusters(found.clusters, console, wide=wide)


def events(args: Namespace) -> int:
    """Prints the events of a run. With --json, prints one object per line as events arrive. With
    --follow, returns the exit code of the run."""
    api = Api(find_target(args))
    found = api.events(args.name, 0, args.operation or 0)
    generation = found.generation
    seen = _print_events(found, args.json)
    if not args.follow:
        return Exit.OK
    ask_cluster = partial(api.cluster, args.name)
    while True:
        # The cluster is read before the events, so that the last events of an ended run are
        # printed.
        cluster = patiently(ask_cluster, api.poll_seconds, following=True)
        ended = cluster.state not in BUSY or cluster.generation != generation
        ask_events = partial(api.events, args.name, seen, generation)
        found = patiently(ask_events, api.poll_seconds, following=True)
        seen = max(_print_events(found, args.json), seen)
        if ended:
            # Generation 0 has the events about the group's tag only. No operation belongs to it.
            return end_of(api, args.name, generation) if generation else Exit.OK
        time.sleep(api.poll_seconds)


def _print_events(found: EventList, as_json: bool) -> int:
    for event in found.events:
        print(json.dumps(event.received()) if as_json else event_line(event), flush=True)
    return found.next


def operations(args: Namespace) -> int:
    """Prints the operations of a cluster, the latest first."""
    api = Api(find_target(args))
    pages = [api.operations(args.name)]
    while args.all and pages[-1].next:
        pages.append(api.operations(args.name, pages[-1].next))
    found = [one for page in pages for one in page.operations]
    if args.json:
        rest = {"next": pages[-1].next}
        print(
            json.dumps(pages[0].received() | {"operations": [o.received() for o in found]} | rest)
        )
        return Exit.OK
    from cli.console import new_console  # noqa: PLC0415 -- rich is not loaded for --json
    from cli.tables import print_operations  # noqa: PLC0415 -- the same

    print_operations(found, new_console())
    if pages[-1].next:
        print(f"slipway: operations before {pages[-1].next} are listed by --all", file=sys.stderr)
    return Exit.OK


def backups(args: Namespace) -> int:
    """Prints the backups of a cluster, the newest first."""
    found = Api(find_target(args)).backups(args.name)
    form = "json" if args.json else args.output
    if form == "json":
        print(json.dumps(found.received()))
    elif form == "yaml":
        _print_yaml(found.received())
    else:
        from cli.console import new_console  # noqa: PLC0415 -- rich is not loaded for --json
        from cli.tables import print_backups  # noqa: PLC0415 -- the same

        print_backups(found, new_console(wide=form == "wide"), wide=form == "wide")
    return Exit.OK


def cancel(args: Namespace) -> int:
    """Requests the cancellation. Returns once the request is accepted; the run then ends in order,
    which takes some time."""
    api = Api(target_to_change(args))
    accepted = patiently(partial(api.cancel, args.name), api.poll_seconds)
    if args.json:
        print(json.dumps(accepted.received()))
    else:
        print(f"cancelling; 'slipway events {args.name} --follow' shows how it ends")
    return Exit.OK
