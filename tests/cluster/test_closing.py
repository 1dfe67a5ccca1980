"""The record of a cluster after its operation has ended."""

from cluster.closing import closed
from cluster.contracts import FinishInput
from cluster.health import finding
from cluster.record import Access, ClaimedOperation, ClusterRecord, PlannedNode

REMOVAL = ClaimedOperation(generation=7, kind="delete", instance_id="demo-000007", started_at="")
# What belongs to a tombstone: which cluster it was, where, and how its last operation ended.
KEPT = {
    "name",
    "uid",
    "generation",
    "state",
    "spec",
    "group",
    "group_deleted",
    "group_since",
    "tag",
    "fault_domains",
    "operation",
    "cause",
    "updated_at",
}


def test_a_removed_cluster_leaves_nothing_that_was_in_progress() -> None:
    empty = ClusterRecord(name="demo", uid="0badcafe")
    record = ClusterRecord(
        name="demo",
        uid="0badcafe",
        generation=7,
        state="deleting",
        replacing=True,
        built={"name": "demo"},
        upgrading="1.36",
        rotations={"ssh-key": "0badcafe"},
        group_owned=True,
        groups=("demo",),
        secrets=("demo-ssh",),
        subnets={"worker": "10.0.3.0/24"},
        slots=(PlannedNode(name="demo-etcd-0", role="etcd", pool="etcd", index=0, address=""),),
        kubelets={"demo-worker-0": "1.36.2"},
        access=Access(kubeconfig="demo-kubeconfig"),
        operation=REMOVAL,
        findings=(finding("MachineMissing", "demo-etcd-0"),),
        maintained_at="2026-11-30T00:00:00Z",
    )
    left = closed(
        record, FinishInput(cluster="demo", generation=7, result="succeeded", finished_at="")
    )
    assert left.is_tombstone
    others = set(ClusterRecord.model_fields) - KEPT
    assert {name for name in others if getattr(left, name) != getattr(empty, name)} == set()
    assert {name for name in others if getattr(record, name) == getattr(empty, name)} == set()
