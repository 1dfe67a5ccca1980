"""A whole launch by the generated client; runs in the generator's environment, which has its
libraries. Arguments: the API's address, its key, the file of a spec. Prints what it saw as JSON."""

import json
import sys
import time
from http import HTTPStatus
from pathlib import Path

from slipway_client import AuthenticatedClient
from slipway_client.api.clusters import delete_cluster, get_cluster, list_clusters, put_cluster
from slipway_client.api.operations import get_events, get_operation, get_timeline
from slipway_client.models import (
    ClusterDetail,
    ClusterList,
    ClusterPlan,
    ClusterSpec,
    EventList,
    OperationAccepted,
    OperationSucceeded,
    Problem,
    PutClusterPlan,
    RunTimeline,
)

POLL_SECONDS = 0.2


def typed[T](kind: type[T], answer: object) -> T:
    if not isinstance(answer, kind):
        raise TypeError(f"{kind.__name__} was expected, not {answer}")
    return answer


def follow(client: AuthenticatedClient, accepted: OperationAccepted) -> OperationSucceeded:
    generation = int(accepted.operation.rpartition("/")[2])
    while True:
        found = get_operation.sync_detailed(accepted.name, generation, client=client)
        if found.status_code != HTTPStatus.ACCEPTED:
            return typed(OperationSucceeded, found.parsed)
        time.sleep(POLL_SECONDS)


def main(url: str, key: str, path: str) -> None:
    client = AuthenticatedClient(
        base_url=f"{url}/api", token=key, prefix="", auth_header_name="x-functions-key"
    )
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    name, spec = document["name"], ClusterSpec.from_dict(document)
    refused = typed(
        Problem,
        put_cluster.sync(name, client=client, body=ClusterSpec.from_dict({"name": "another"})),
    )
    plan = typed(
        ClusterPlan, put_cluster.sync(name, client=client, body=spec, plan=PutClusterPlan.TRUE)
    )
    accepted = typed(OperationAccepted, put_cluster.sync(name, client=client, body=spec))
    operation = follow(client, accepted)
    cluster = typed(ClusterDetail, get_cluster.sync(name, client=client))
    events = typed(EventList, get_events.sync(name, client=client, after=1))
    unknown = ClusterDetail.from_dict(cluster.to_dict() | {"percent": None})
    timeline = typed(RunTimeline, get_timeline.sync(name, client=client))
    listed = typed(ClusterList, list_clusters.sync(client=client))
    follow(client, typed(OperationAccepted, delete_cluster.sync(name, client=client)))
    gone = typed(ClusterDetail, get_cluster.sync(name, client=client))
    seen = {
        "refused": [fault.path for fault in refused.faults or []],
        "planned": sorted(node.name for node in plan.nodes),
        "status": operation.status,
        "state": cluster.state.value,
        "percent": [cluster.percent, unknown.percent],
        "nodes": {node.name: node.state.value for node in cluster.nodes},
        "phases": {phase.name: phase.state.value for phase in cluster.phases},
        "first event": events.events[0].seq,
        "stages": [part.name for part in timeline.stages],
        "listed": [found.name for found in listed.clusters],
        "after the removal": gone.state.value,
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
