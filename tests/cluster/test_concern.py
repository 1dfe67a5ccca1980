"""Which machines a play concerns: those whose inputs changed, and those that take part."""

from datetime import date, timedelta
from typing import Any

import pytest

from cluster.applied import AppliedStages
from cluster.concern import (
    PlayScope,
    StageContent,
    fingerprints,
    scope_of,
    stage_groups,
    whole_scope,
)
from cluster.inventory import render_inventory, with_scope
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from cluster.stages import STAGE_IDS, STAGES

TODAY = date(2026, 11, 30)
MANIFEST = "a" * 64
# The variables of a stage in these tests, instead of those of its roles.
READ = {
    "base": {"slipway_trusted", "slipway_address", "slipway_package_upgrades"},
    "runtime": {"slipway_registries"},
}
CONTENTS = {
    stage.id: {
        group: StageContent(f"{stage.id} {group}", frozenset(READ.get(stage.id, set())))
        for group in stage.hosts
    }
    for stage in STAGES
}
ETCD = {f"demo-etcd-{index}" for index in range(3)}
CONTROL_PLANES = {f"demo-control-plane-{index}" for index in range(3)}


def inventory(workers: int = 2, run: str = "demo-000001-1", **spec: Any) -> dict[str, Any]:
    document = {
        "name": "demo",
        "controlPlane": {"count": 3},
        "workers": [{"name": "worker", "count": workers}],
    }
    plan = make_plan(
        parse_spec(document | spec), ClusterRecord(name="demo", uid="u", generation=1), []
    )
    return render_inventory(plan, run)


def wanted(contents: Any = CONTENTS, manifest: str = MANIFEST, **asked: Any) -> Any:
    return fingerprints(inventory(**asked), contents, manifest)


def after(found: Any, day: date = TODAY) -> AppliedStages:
    """The cluster after a play over all machines."""
    applied = AppliedStages(uid="u", generation=1)
    for stage, nodes in found.items():
        applied = applied.after(stage, nodes, (), day)
    return applied


def concerned(now: Any, applied: AppliedStages, today: date = TODAY) -> dict[str, set[str]]:
    scope = scope_of(now, applied, today)
    return {stage: set(scope.nodes(stage)) for stage in scope.stages}


def test_without_a_change_nothing_is_concerned() -> None:
    scope = scope_of(wanted(run="demo-000002-1"), after(wanted()), TODAY)
    assert scope == PlayScope(stages={})
    assert scope.running == frozenset()


def test_without_fingerprints_every_machine_is_concerned_in_each_of_its_stages() -> None:
    found = wanted()
    scope = scope_of(found, AppliedStages(), TODAY)
    assert scope == whole_scope(found)
    assert scope.whole
    assert set(scope.nodes("wait")) == scope.machines
    assert len(scope.machines) == 8
    assert scope.running == set(STAGE_IDS)
    assert scope.nodes("add-ons") == ("demo-control-plane-0",)


@pytest.mark.parametrize("before", [0, 2, 50])
def test_a_new_worker_concerns_itself_and_one_task_of_the_control_planes(before: int) -> None:
    found = concerned(wanted(workers=before + 1), after(wanted(workers=before)))
    new = {f"demo-worker-{before}"}
    assert found == {
        "wait": new,
        "base": new,
        "runtime": new,
        "nodes": new,
        "workers": new | CONTROL_PLANES,
        "network": new,
        "verify": CONTROL_PLANES,
    }


def test_a_changed_variable_concerns_the_stages_whose_roles_read_it() -> None:
    registry = {"host": "registry.example", "mirrors": ["http://10.0.9.9/v2"]}
    found = concerned(wanted(registries=[registry]), after(wanted()))
    assert set(found) == {"runtime", "verify"}
    assert found["runtime"] == CONTROL_PLANES | {"demo-worker-0", "demo-worker-1"}


def test_another_manifest_concerns_the_stages_that_install_files() -> None:
    found = concerned(wanted(manifest="b" * 64), after(wanted()))
    assert set(found) == {
        stage.id for stage in STAGES if stage.installs and stage.id in STAGE_IDS
    } | {"verify"}


def test_a_changed_role_concerns_the_machines_of_its_plays() -> None:
    newer = CONTENTS | {
        "workers": CONTENTS["workers"] | {"workers": StageContent("n", frozenset())}
    }
    found = concerned(wanted(contents=newer), after(wanted()))
    assert found == {"workers": {"demo-worker-0", "demo-worker-1"}, "verify": CONTROL_PLANES}


@pytest.mark.parametrize(("stage", "members"), [("etcd", ETCD), ("control-plane", CONTROL_PLANES)])
def test_machines_that_are_compared_run_the_stage_together(stage: str, members: set[str]) -> None:
    one = min(members)
    found = concerned(wanted(), after(wanted()).without([one]))
    assert found[stage] == members
    assert found["base"] == {one}


def test_more_etcd_members_concern_all_members_and_the_control_planes() -> None:
    found = concerned(wanted(etcd={"count": 5}), after(wanted()))
    assert found["etcd"] == ETCD | {"demo-etcd-3", "demo-etcd-4"}
    assert found["control-plane"] == CONTROL_PLANES
    assert "workers" not in found


def test_certificates_concern_their_machines_again_after_a_month() -> None:
    applied = after(wanted())
    assert concerned(wanted(), applied, TODAY + timedelta(days=29)) == {}
    assert set(concerned(wanted(), applied, TODAY + timedelta(days=30))) == {
        "etcd",
        "control-plane",
        "verify",
    }


def test_stages_after_the_last_one_are_left_out_and_run_when_they_are_asked_for() -> None:
    short = wanted(playbook={"through": "etcd"})
    assert set(short) == {"wait", "base", "runtime", "etcd"}
    assert set(concerned(wanted(), after(short))) == set(STAGE_IDS) - {
        "check",
        "artifacts",
        "wait",
        "base",
        "runtime",
        "etcd",
    }


def test_files_are_fetched_only_for_stages_that_install_them() -> None:
    only = PlayScope(stages={"base": {"f": ("demo-worker-0",)}, "verify": {"f": ("c",)}})
    assert only.running == {"check", "base", "verify"}
    assert "artifacts" in PlayScope(stages={"nodes": {"f": ("demo-worker-0",)}}).running


def test_the_inventory_keeps_all_machines_and_gets_a_group_for_each_stage() -> None:
    scope = PlayScope(stages={"runtime": {"f": ("demo-worker-1",)}})
    top = with_scope(inventory(), scope)["all"]["children"]
    assert top["cluster"] == inventory()["all"]["children"]["cluster"]
    hosts = {name: list(group["hosts"]) for name, group in top.items() if name != "cluster"}
    assert hosts == {
        **{f"stage_{stage.replace('-', '_')}": [] for stage in STAGE_IDS},
        "stage_upgrade": [],
        "stage_upgrade_fetch": [],
        "controller": ["demo-controller"],
        "stage_check": ["demo-controller"],
        "stage_artifacts": ["demo-controller"],
        "stage_runtime": ["demo-worker-1"],
        "concerned": ["demo-worker-1"],
    }


def test_the_groups_of_a_play_without_machines_are_empty() -> None:
    groups = stage_groups(PlayScope(stages={}), "demo-controller")
    assert [name for name, group in groups.items() if group["hosts"]] == []
