"""Which versions of Kubernetes a spec may ask for on a living cluster, and what may go along."""

from typing import Any

import pytest

from cluster.record import Access, ClusterRecord, PlannedNode
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.upgrades import (
    Release,
    implicit_upgrade_faults,
    is_upgrade,
    named_node_faults,
    release_of,
    tag_faults,
    upgrade_faults,
)


def spec(version: str, **changes: Any) -> ClusterSpec:
    return parse_spec({"name": "demo", "kubernetes": {"version": version}} | changes)


def cluster(version: str, upgrading: str = "", **changes: Any) -> ClusterRecord:
    built = spec(version, **changes).document()
    return ClusterRecord(name="demo", uid="0" * 8, built=built, upgrading=upgrading)


@pytest.mark.parametrize(
    ("before", "wanted", "upgrades"),
    [
        ("1.35", "1.35", False),
        ("1.35", "1.36", True),
        ("1.35", "1.35.6", True),
        ("1.35.3", "1.35.6", True),
        ("1.35.3", "1.36.2", True),
        ("1.35.6", "1.35", False),  # whichever patch release it has
    ],
)
def test_the_next_minor_and_a_later_patch_release_upgrade(
    before: str, wanted: str, upgrades: bool
) -> None:
    record = cluster(before)
    assert is_upgrade(record, spec(wanted)) == upgrades
    assert upgrade_faults(record, spec(wanted)) == []


@pytest.mark.parametrize(
    ("before", "wanted", "why"),
    [
        ("1.34", "1.36", "skips a minor version"),
        ("1.34.3", "1.36.2", "skips a minor version"),
        ("1.36", "1.35", "cannot go back"),
        ("1.36.2", "1.35.9", "cannot go back"),
        ("1.36.2", "1.36.1", "cannot go back"),
    ],
)
def test_skipping_and_going_back_are_refused(before: str, wanted: str, why: str) -> None:
    (fault,) = upgrade_faults(cluster(before), spec(wanted))
    assert fault.path == "kubernetes.version"
    assert why in fault.message


@pytest.mark.parametrize(
    ("begun", "wanted", "goes_on"),
    [
        ("1.36", "1.36", True),
        ("1.36", "1.36.2", True),
        ("1.36.2", "1.36.3", True),
        ("1.36.2", "1.36", True),
        ("1.36.2", "1.36.1", False),
        ("1.36", "1.35", False),
        ("1.36.2", "1.35.9", False),
    ],
)
def test_an_upgrade_that_began_only_goes_on(begun: str, wanted: str, goes_on: bool) -> None:
    record = cluster("1.35", upgrading=begun)
    assert is_upgrade(record, spec(wanted))
    assert bool(upgrade_faults(record, spec(wanted))) != goes_on


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"workers": [{"name": "worker", "count": 3}]}, "workers"),
        ({"workers": [{"name": "worker"}, {"name": "other"}]}, "workers"),
        ({"playbook": {"through": "workers"}}, "playbook.through"),
        ({"controlPlane": {"count": 3}}, "controlPlane.count"),
        ({"etcd": {"count": 5}}, "etcd.count"),
    ],
)
def test_machines_and_the_last_stage_do_not_change_along(
    changes: dict[str, Any], path: str
) -> None:
    assert [f.path for f in upgrade_faults(cluster("1.35"), spec("1.36", **changes))] == [path]


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"a": "b"}},
        {"drain": {"force": True}},
        {"artifacts": {"url": "https://m.example", "manifestSha256": "0" * 64}},
    ],
)
def test_other_fields_may_change_along(changes: dict[str, Any]) -> None:
    assert upgrade_faults(cluster("1.35"), spec("1.36", **changes)) == []


def test_a_default_never_upgrades() -> None:
    document: dict[str, Any] = {"name": "demo"}
    (fault,) = implicit_upgrade_faults(cluster("1.35"), parse_spec(document), document)
    assert (fault.path, fault.allowed) == ("kubernetes.version", 'write it out: "1.35"')
    document = {"name": "demo", "kubernetes": {"version": "1.36"}}
    assert implicit_upgrade_faults(cluster("1.35"), parse_spec(document), document) == []
    document = {"name": "demo", "kubernetes": {"podCidr": "10.244.0.0/16"}}
    assert implicit_upgrade_faults(cluster("1.35"), parse_spec(document), document)
    assert not implicit_upgrade_faults(cluster("1.36"), parse_spec(document), document)


def test_no_node_is_removed_by_name_before_the_upgrade_has_ended() -> None:
    assert named_node_faults(cluster("1.35", upgrading="1.36"), spec("1.36"))
    assert named_node_faults(cluster("1.36"), spec("1.36")) == []


def test_no_upgrade_begins_while_nodes_leave() -> None:
    slot = PlannedNode(
        name="demo-etcd-0", role="etcd", pool="etcd", index=0, address="10.0.2.4", leaving=True
    )
    record = cluster("1.35").model_copy(update={"slots": (slot,)})
    (fault,) = upgrade_faults(record, spec("1.36"))
    assert "demo-etcd-0" in fault.message
    begun = record.model_copy(update={"upgrading": "1.36"})
    assert upgrade_faults(begun, spec("1.36")) == []


def test_a_tag_does_not_upgrade() -> None:
    assert tag_faults(cluster("1.35"), spec("1.36"))
    assert tag_faults(cluster("1.36.3"), spec("1.36")) == []


def test_without_kubernetes_the_version_is_free() -> None:
    record = cluster("1.34", playbook={"through": "etcd"})
    assert not is_upgrade(record, spec("1.36"))
    assert upgrade_faults(record, spec("1.36")) == []
    reached = record.model_copy(update={"access": Access(kubeconfig="demo-kubeconfig")})
    assert upgrade_faults(reached, spec("1.36"))


def test_what_was_never_built_is_no_upgrade() -> None:
    assert not is_upgrade(ClusterRecord(name="demo", uid="0" * 8), spec("1.36"))


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("1.36", Release(1, 36)),
        ("v1.36.2", Release(1, 36, 2)),
        ("v1.36.2+k3s1", Release(1, 36, 2)),
        ("v1.36.0-rc.1", Release(1, 36, 0)),
        ("", None),
        ("v1.x", None),
        ("1.36.2.4", None),
    ],
)
def test_releases_are_read_as_nodes_report_them(text: str, release: Release | None) -> None:
    assert release_of(text) == release
