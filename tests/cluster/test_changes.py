"""What may change on a living cluster, what a tag may ask for, what a report may say."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster.changes import (
    CHANGEABLE,
    change_faults,
    implicit_removal_faults,
    kept_subnet_faults,
)
from cluster.events import Event, from_lines, to_line
from cluster.faults import SpecRefusedError
from cluster.profiles import BUILT_IN, cluster_name, load_profiles, spec_from_tag
from cluster.readiness import judge
from cluster.record import ClusterRecord, PlannedNode
from cluster.spec_rules import parse_spec

OFFICE = "203.0.113.0/24"
BUILT = parse_spec({"name": "demo"}).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"location": "northeurope"}, "location"),
        ({"kubernetes": {"podCidr": "10.245.0.0/16"}}, "kubernetes.podCidr"),
        ({"workers": [{"name": "worker", "labels": {"a": "b"}}]}, "workers[0]"),
        ({"controlPlane": {"vmSize": "Standard_D8s_v5"}}, "controlPlane.vmSize"),  # the only one
        ({"image": {"version": "0.20270101.1"}}, "image.version"),
        ({"etcd": {"dataDiskGiB": 16}}, "etcd.dataDiskGiB"),
        ({"adminUser": "other"}, "adminUser"),
        ({"controlPlane": {"publicApi": {"allowedSources": [OFFICE]}}}, "controlPlane.publicApi"),
    ],
)
def test_a_change_that_is_not_supported_is_refused_with_its_path(
    changes: dict[str, Any], path: str
) -> None:
    found = change_faults(BUILT, parse_spec({"name": "demo"} | changes))
    assert path in [fault.path for fault in found]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resourceGroup": "demo-rg"},
        {"workers": [{"name": "worker", "count": 7}]},
        {"workers": [{"name": "worker", "count": 0}]},
        {"workers": [{"name": "other"}]},
        {"workers": [{"name": "worker", "vmSize": "Standard_D8s_v5", "osDiskGiB": 128}]},
        {"etcd": {"vmSize": "Standard_D8s_v5"}},
        {"etcd": {"dataDiskGiB": 33}},
        {"drain": {"force": True}},
        {"workers": [{"name": "worker"}, {"name": "gpu", "count": 1}]},
        {"controller": {"keep": True}},
        {"network": {"allowedSources": ["203.0.113.0/24"]}},
        {"tags": {"team": "a"}},
        {"registries": [{"host": "registry.example.com", "mirrors": ["https://m.example.com"]}]},
        {"proxy": {"http": "http://proxy.example.com:3128"}},
    ],
)
def test_supported_changes_pass(changes: dict[str, Any]) -> None:
    assert change_faults(BUILT, parse_spec({"name": "demo"} | changes)) == []


def test_the_sources_of_a_public_frontend_may_change_and_it_may_not_go() -> None:
    def asked(*sources: str) -> dict[str, Any]:
        return {"name": "demo", "controlPlane": {"publicApi": {"allowedSources": sources}}}

    built = parse_spec(asked(OFFICE)).model_dump(mode="json", by_alias=True)
    assert change_faults(built, parse_spec(asked("198.51.100.7/32", OFFICE))) == []
    (fault,) = change_faults(built, parse_spec({"name": "demo"}))
    assert fault.path == "controlPlane.publicApi"
    assert OFFICE in fault.allowed


@pytest.mark.parametrize(
    ("name", "subnet", "paths"),
    [
        ("other", "10.0.18.0/24", ["workers[0].subnet"]),
        ("other", "10.0.20.0/24", []),
        ("other", None, []),
        ("worker", "10.0.16.0/22", []),
    ],
)
def test_a_new_pool_may_not_overlap_the_subnet_that_an_earlier_one_left(
    name: str, subnet: str | None, paths: list[str]
) -> None:
    record = ClusterRecord(name="demo", uid="u", built=BUILT, subnets={"worker": "10.0.16.0/22"})
    wanted = parse_spec({"name": "demo", "workers": [{"name": name, "subnet": subnet}]})
    assert [fault.path for fault in kept_subnet_faults(record, wanted)] == paths
    planned = record.model_copy(update={"built": None})
    assert kept_subnet_faults(planned, wanted) == []


@pytest.mark.parametrize(
    ("workers", "paths"),
    [
        (None, ["workers"]),
        ([{"name": "worker"}], ["workers[0].count"]),
        ([{"name": "other"}, {"name": "worker"}], ["workers[1].count"]),
        ([{"name": "worker", "count": 2}], []),
        ([{"name": "worker", "count": 0}], []),
        ([{"name": "other"}], []),
        ([], []),
    ],
)
def test_nodes_are_removed_by_what_a_document_says_and_not_by_a_default(
    workers: Any, paths: list[str]
) -> None:
    ten = parse_spec({"name": "demo", "workers": [{"name": "worker", "count": 10}]}).document()
    sent = {"name": "demo"} | ({} if workers is None else {"workers": workers})
    assert [f.path for f in implicit_removal_faults(ten, parse_spec(sent), sent)] == paths
    assert implicit_removal_faults(None, parse_spec(sent), sent) == []
    same = parse_spec({"name": "demo", "workers": [{"name": "worker"}]})
    assert implicit_removal_faults(BUILT, same, sent) == []


def test_anything_may_change_while_nothing_was_built() -> None:
    assert change_faults(None, parse_spec({"name": "demo", "etcd": {"count": 5}})) == []


def test_the_table_of_changes_names_fields_that_exist() -> None:
    assert {"controller.keep", "workers[].count"} <= set(CHANGEABLE)


def test_a_tag_chooses_a_profile_and_numbers_within_its_bounds() -> None:
    spec = spec_from_tag("small;workers=3", "Team-A_rg", "West Europe", BUILT_IN)
    parsed = parse_spec(spec)
    assert (parsed.group, parsed.location) == ("Team-A_rg", "westeurope")
    assert (parsed.name, parsed.workers[0].count, parsed.etcd.count) == ("team-a-rg", 3, 1)


@pytest.mark.parametrize(
    "tag",
    [
        "huge",
        "small;workers=6",
        "small;workers=-1",
        "small;workers=1e3",
        "small;artifacts=http://x",
        "small;etcd=5",
        "",
        "small;workers",
    ],
)
def test_a_tag_cannot_leave_its_profiles_bounds(tag: str) -> None:
    with pytest.raises(SpecRefusedError):
        spec_from_tag(tag, "rg", "westeurope", BUILT_IN)


def test_an_operators_profile_stands_beside_the_built_in_ones() -> None:
    own = {"tiny": {"spec": {"etcd": {"count": 1}}, "bounds": {}}}
    profiles = load_profiles(json.dumps(own))
    assert {"tiny", "small"} <= set(profiles)


@pytest.mark.parametrize("group", ["My.Group", "123", "a", "x" * 80, "Ünïcode", "--"])
def test_every_groups_name_becomes_a_clusters_name(group: str) -> None:
    assert parse_spec({"name": cluster_name(group)})


SLOT = PlannedNode(name="demo-etcd-0", role="etcd", pool="etcd", index=0, address="10.0.2.4")
REPORT = {"name": "demo-etcd-0", "role": "etcd", "address": "10.0.2.4", "bootId": "b"}


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (REPORT | {"status": "ok"}, "ready"),
        (REPORT | {"status": "running"}, "waiting"),
        (REPORT | {"status": "error", "detail": "no network"}, "failed"),
        (REPORT | {"status": "ok", "name": "other"}, "failed"),
        (REPORT | {"status": "ok", "address": "10.0.2.5"}, "failed"),
        (["no", "object"], "waiting"),
    ],
)
def test_a_report_is_held_against_the_plan(report: Any, state: str) -> None:
    found, cause = judge(SLOT, json.dumps(report).encode())
    assert found == state
    assert (cause is not None) == (state == "failed")


def test_a_half_report_is_waited_for() -> None:
    assert judge(SLOT, b'{"name": "demo')[0] == "waiting"


def test_an_event_is_one_line_whatever_its_text() -> None:
    event = Event(seq=1, time="t", phase="plan", text="two\nlines " + "x" * 5000)
    line = to_line(event)
    assert line.count("\n") == 1
    assert from_lines(line)[0].text.startswith("two\nlines")


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
@example(["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x1cc", "\r"])
def test_events_are_read_as_they_were_written_whatever_a_machine_said(texts: list[str]) -> None:
    """Among them the separators that Python takes for ends of lines and JSON does not."""
    events = [Event(seq=n, time="t", phase="p", text=t, node=t) for n, t in enumerate(texts)]
    assert from_lines("".join(map(to_line, events))) == events


def test_the_documents_table_is_the_codes_own() -> None:
    text = Path(__file__).parents[2].joinpath("docs/changes.md").read_text()
    for field, meaning in CHANGEABLE.items():
        assert f"| `{field}` | {meaning} |" in text
