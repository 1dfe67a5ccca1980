"""A removal through the app's own host after a run that left no result."""

import time
from datetime import UTC, datetime

from durabletask.client import TaskHubGrpcClient

from clients.store import Store
from cluster.contracts import DELETE_CLUSTER, ORCHESTRATION_VERSION
from cluster.record import ClaimedOperation, ClusterRecord
from tests.http.conftest import App


def test_a_removal_does_not_wait_for_a_result_that_nobody_will_write(app: App) -> None:
    removal = ClaimedOperation(
        generation=2,
        kind="delete",
        instance_id="gone-000002",
        started_at=datetime.now(UTC).isoformat(),
    )
    # The run before was lost after the removal had asked it to end.
    claimed = ClusterRecord(
        name="gone", uid="00000000", generation=2, state="deleting", operation=removal
    )
    Store(app.blobs).create_record(claimed)
    payload = {"cluster": "gone", "generation": 2, "journal": {"slack": False}}
    with TaskHubGrpcClient(host_address=app.host.hub.address) as client:
        client.schedule_new_orchestration(
            DELETE_CLUSTER,
            input=payload,
            instance_id=removal.instance_id,
            version=ORCHESTRATION_VERSION,
        )
    for _ in range(300):
        followed = app.send("GET", "/api/clusters/gone/operations/2")
        if followed.status_code != 202:
            break
        time.sleep(0.2)
    assert followed.status_code == 200, followed.text
    before = app.send("GET", "/api/clusters/gone/operations/1")
    assert before.status_code == 424
    assert before.json()["cause"]["code"] == "RunLost"
    assert app.send("GET", "/api/clusters/gone").json()["state"] == "deleted"
