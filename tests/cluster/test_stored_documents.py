"""Documents of other versions are read, and rewritten without a loss; requests stay strict."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.contracts import Check, FinishInput, PhaseRecord, RunRef
from cluster.events import Event, from_lines, to_line
from cluster.faults import SpecRefusedError
from cluster.inventory import render_inventory
from cluster.model import UnreadableDocumentError, read_stored
from cluster.outcomes import Cause
from cluster.plan import Plan, make_plan
from cluster.record import Access, ClaimedOperation, ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.stages import STAGE_IDS
from cluster.stored_spec import stored_spec, unknown_fields, with_unknown_fields
from cluster.timeline import make_timeline
from tests.cluster.other_versions import LATER, newer, of_newer_version, places, without
from tests.cluster.specs import documents

FULL: dict[str, Any] = {
    "name": "demo",
    "network": {"allowedSources": ["198.51.100.7/32"]},
    "controlPlane": {"publicApi": {"allowedSources": ["198.51.100.7/32"]}},
    "workers": [{"name": "a", "taints": [{"key": "k", "effect": "NoSchedule"}]}, {"name": "b"}],
    "slack": {"secret": "hook"},
    "artifacts": {"url": "https://m.example.org", "manifestSha256": "0" * 64},
    "proxy": {"http": "http://p.example.org:3128"},
    "registries": [{"host": "docker.io", "mirrors": ["https://m.example.org/v2/hub"]}],
}


def record_of(spec: ClusterSpec) -> ClusterRecord:
    """A record in which no field is empty."""
    plan = make_plan(spec, ClusterRecord(name=spec.name, uid="0a1b2c3d", generation=3), [])
    return ClusterRecord(
        name=spec.name,
        uid="0a1b2c3d",
        generation=3,
        spec=spec.document(),
        built=spec.document(),
        subnets=plan.subnets,
        slots=plan.slots,
        access=Access(kubeconfig="secret"),
        operation=ClaimedOperation(
            generation=3, kind="reconcile", instance_id="demo-000003", started_at="2026-01-02"
        ),
        cause=Cause(code="QuotaExceeded", message="too many"),
    )


@given(documents())
def test_a_spec_of_a_newer_version_is_read_without_its_unknown_fields(
    document: dict[str, Any],
) -> None:
    spec = parse_spec(document)
    later = of_newer_version(spec.document())
    assert stored_spec(later) == spec
    assert read_stored(ClusterSpec, json.dumps(later).encode()) == spec


@given(documents())
def test_a_spec_that_is_sent_with_unknown_fields_is_refused_with_each_of_their_paths(
    document: dict[str, Any],
) -> None:
    later = of_newer_version(document)
    with pytest.raises(SpecRefusedError) as refused:
        parse_spec(later)
    levels = [p for p in places(later) if p[-1] in LATER and not set(p[:-1]) & set(LATER)]
    refusals = [f for f in refused.value.faults if f.path.endswith("laterField")]
    assert len(refusals) == len(levels) == len({fault.path for fault in refusals})


@given(documents())
def test_a_rewritten_spec_keeps_every_unknown_field(document: dict[str, Any]) -> None:
    spec = parse_spec(document)
    later = of_newer_version(spec.document())
    assert with_unknown_fields(spec.document(), later) == later


def test_unknown_fields_of_a_pool_follow_its_name_and_go_with_it() -> None:
    later = of_newer_version(parse_spec(FULL).document())
    wanted = parse_spec(FULL | {"workers": [{"name": "b"}, {"name": "c"}]}).document()
    kept = with_unknown_fields(wanted, later)
    assert [pool.get("laterField") for pool in kept["workers"]] == [LATER["laterField"], None]
    assert not unknown_fields(wanted)


@given(documents(), st.data())
def test_a_record_of_a_newer_version_is_written_again_as_it_was(
    document: dict[str, Any], data: st.DataObject
) -> None:
    record = record_of(parse_spec(document))
    later = newer(record.model_dump_json().encode())
    found = read_stored(ClusterRecord, later)
    assert json.loads(found.model_dump_json()) == json.loads(later)
    field = data.draw(st.sampled_from(["state", "cause", "updated_at"]))
    changed = found.model_copy(update={field: getattr(ClusterRecord(name="a", uid="b"), field)})
    assert changed.with_slots(record.slots).slots == found.slots
    wanted = json.loads(later) | {field: getattr(changed, field)}
    assert json.loads(changed.model_dump_json()) == wanted


def test_every_field_of_a_record_but_its_names_may_be_missing() -> None:
    whole = json.loads(record_of(parse_spec(FULL)).model_dump_json())
    required = {"name", "uid", "code", "message", "generation", "kind", "instance_id", "started_at"}
    required |= {"kubeconfig", "role", "pool", "index", "address"}
    fields = [p for p in places(whole) if not {"spec", "built", "subnets"} & set(p)]
    optional = [p for p in fields if p[-1] not in required]
    assert ("operation", "request_hash") in optional
    for place in [*optional, ("generation",), ("spec",), ("built",), ("subnets",)]:
        read_stored(ClusterRecord, without(whole, place))


def test_every_field_that_a_spec_has_a_default_for_may_be_missing() -> None:
    whole = parse_spec(FULL).document()
    required = {"name", "key", "effect", "secret", "url", "manifestSha256", "host"}
    for place in places(whole):
        if place[-1] not in required and place[-2:] != ("publicApi", "allowedSources"):
            assert stored_spec(without(whole, place)).name == "demo"


@given(documents())
def test_a_plan_of_a_newer_version_is_read_and_makes_the_same_inventory(
    document: dict[str, Any],
) -> None:
    spec = parse_spec(document)
    plan = make_plan(spec, ClusterRecord(name=spec.name, uid="0a1b2c3d", generation=1), [])
    later = read_stored(Plan, newer(plan.model_dump_json(by_alias=True).encode()))
    assert later == plan
    assert render_inventory(later, "1") == render_inventory(plan, "1")


def test_a_plan_of_an_earlier_version_has_python_names_in_its_spec() -> None:
    spec = parse_spec({"name": "demo", "etcd": {"dataDiskGiB": 77}, "workers": [
        {"name": "a", "osDiskGiB": 99}]})  # fmt: skip
    plan = make_plan(spec, ClusterRecord(name="demo", uid="0a1b2c3d", generation=1), [])
    earlier = json.loads(plan.model_dump_json())
    etcd, pool = earlier["spec"]["etcd"], earlier["spec"]["workers"][0]
    etcd["data_disk_gi_b"] = etcd.pop("data_disk_gib", etcd.get("data_disk_gi_b"))
    pool["os_disk_gi_b"] = pool.pop("os_disk_gib", pool.get("os_disk_gi_b"))
    assert read_stored(Plan, json.dumps(earlier).encode()) == plan


@pytest.mark.parametrize(
    "part",
    [{"etcd": {"data_disk_gi_b": 77}}, {"workers": [{"name": "a", "os_disk_gi_b": 99}]}],
)
def test_a_request_may_not_use_the_names_of_earlier_versions(part: dict[str, Any]) -> None:
    with pytest.raises(SpecRefusedError, match="gi_b"):
        parse_spec({"name": "demo"} | part)


def test_values_that_a_newer_version_allows_are_kept_and_not_replaced_by_defaults() -> None:
    whole = parse_spec(FULL).document()
    whole["kubernetes"]["version"] = "1.37"
    whole["etcd"] |= {"count": 7, "dataDiskGiB": 9000}
    whole["zones"] = ["4"]
    whole["workers"][0]["taints"][0]["effect"] = "NoAdmit"
    whole["workers"] = [whole["workers"][0] | {"name": f"pool{n}"} for n in range(20)]
    whole["playbook"]["through"] = "add-ons-of-2030"
    spec = stored_spec(whole)
    assert spec.document() == whole
    assert spec.stages == STAGE_IDS
    assert [pool.name for pool in spec.workers] == [f"pool{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("etcd", {"count": "3"}),
        ("workers", {}),
        ("workers", [{}]),
        ("slack", "hook"),
        ("controller", {"keep": "yes"}),
        ("tags", ["a"]),
        ("playbook", {"through": 5}),
        ("playbook", {"through": True}),
        ("zones", [4]),
        ("workers", [{"name": "a", "taints": [{"key": "k", "effect": 5}]}]),
    ],
)
def test_a_known_field_of_another_type_is_named_and_not_quoted(place: str, value: Any) -> None:
    with pytest.raises(UnreadableDocumentError, match=place) as refused:
        stored_spec({"name": "demo", place: value})
    assert "hook" not in str(refused.value)
    assert "yes" not in str(refused.value)


def test_a_plan_with_unknown_templates_and_roles_is_read() -> None:
    plan = make_plan(parse_spec(FULL), ClusterRecord(name="demo", uid="a", generation=1), [])
    later = json.loads(plan.model_dump_json(by_alias=True))
    later["deployments"][-1]["template"] = "gateways"
    later["slots"].append(later["slots"][-1] | {"name": "demo-gateway-0", "role": "gateway"})
    found = read_stored(Plan, json.dumps(later).encode())
    assert found.deployments[-1].template == "gateways"
    hosts, known = (render_inventory(one, "1")["all"]["children"] for one in (found, plan))
    assert hosts == known


def test_unknown_states_and_kinds_of_records_results_and_events_are_kept_as_text() -> None:
    record = json.loads(record_of(parse_spec(FULL)).model_dump_json())
    record["state"], record["operation"]["kind"] = "upgrading", "upgrade"
    found = read_stored(ClusterRecord, json.dumps(record).encode())
    assert json.loads(found.model_dump_json()) == record
    assert not found.is_tombstone
    result = FinishInput(
        cluster="demo",
        generation=1,
        result="failed",
        cause=Cause(code="a", message="b"),
        phases=(PhaseRecord(name="plan"),),
        checks=(Check(name="c", ok=True),),
    )
    later = json.loads(newer(result.model_dump_json().encode()))
    assert read_stored(FinishInput, json.dumps(later).encode()).phases == result.phases
    later["result"], later["phases"][0]["state"] = "partial", "skipped"
    assert read_stored(FinishInput, json.dumps(later).encode()).result not in ("succeeded",)
    event = b'{"seq":1,"time":"","phase":"plan","text":"a","level":"notice"}\n'
    assert [one.level for one in from_lines(newer(event).decode())] == ["notice"]


@pytest.mark.parametrize(
    "odd",
    [
        "{",
        "[]",
        "null",
        '"kind"',
        "7",
        '{"seq":2}',
        '{"seq":"two","time":"","phase":"nodes","text":"a"}',
        '{"seq":2,"time":"","phase":"nodes","text":"a","kind":5}',
        '{"seq":2,"time":"","phase":"nodes","text":"a","nodes":{}}',
    ],
)
def test_a_line_that_cannot_be_read_is_a_note_between_the_other_events(odd: str) -> None:
    one, three = (
        Event(seq=seq, time=f"2026-01-0{seq}", phase="machines", text="a", kind="nodes.ready")
        for seq in (1, 3)
    )
    found = from_lines(to_line(one) + odd + "\n" + to_line(three))
    assert (found[0], found[2]) == (one, three)
    note = found[1]
    assert (note.seq, note.time, note.phase) == (2, one.time, "machines")
    assert (note.kind, note.level, note.text) == ("note", "warning", odd)
    assert from_lines(odd)[0].seq == 1
    assert make_timeline(RunRef(cluster="demo", generation=1), found, None).started_at == one.time
