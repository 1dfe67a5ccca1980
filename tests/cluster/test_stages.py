"""The table of stages is what `playbooks/` runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.inventory import render_inventory
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from cluster.stages import LAST_STAGES, STAGE_IDS, STAGES, stages_through
from lab.simulation.play import site_plays

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
ALWAYS = "check"


def read(file: str) -> list[dict[str, Any]]:
    return yaml.safe_load((PLAYBOOKS / file).read_text(encoding="utf-8"))


def test_site_yml_imports_the_playbook_of_each_stage_in_order() -> None:
    imported = [entry["ansible.builtin.import_playbook"] for entry in read("site.yml")]
    assert imported == [stage.playbook for stage in STAGES]


def test_site_yml_runs_a_stage_if_the_inventory_names_it() -> None:
    conditions = {
        entry["ansible.builtin.import_playbook"]: entry.get("when") for entry in read("site.yml")
    }
    wanted = {
        stage.playbook: None if stage.id == ALWAYS else f"'{stage.id}' in slipway_stages"
        for stage in STAGES
    }
    assert conditions == wanted


def test_no_playbook_lies_beside_those_of_the_stages() -> None:
    files = {path.name for path in PLAYBOOKS.glob("*.yml")}
    assert files == {"site.yml", *(stage.playbook for stage in STAGES)}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.id)
def test_the_plays_of_a_stage_are_named_after_it(stage: Any) -> None:
    for play in read(stage.playbook):
        assert play["name"].partition(", ")[0] == stage.title


def test_the_controller_finds_the_stage_of_every_play() -> None:
    wanted = {play["name"]: stage.id for stage in STAGES for play in read(stage.playbook)}
    assert site_plays() == wanted
    assert len(wanted) == sum(len(read(stage.playbook)) for stage in STAGES), "a name occurs twice"


def test_artifacts_are_fetched_for_the_stages_that_install_them() -> None:
    defaults = yaml.safe_load((PLAYBOOKS / "roles/artifacts/defaults/main.yml").read_text())
    stage = next(stage for stage in STAGES if stage.id == "artifacts")
    assert set(stage.runs_for) == set(defaults["artifacts_of_stage"])
    assert set(defaults["artifacts_image_stages"]) <= set(stage.runs_for)


def test_a_spec_can_name_each_stage_that_runs_for_itself() -> None:
    assert (
        tuple(stage.id for stage in STAGES if stage.id in STAGE_IDS and not stage.runs_for)
        == LAST_STAGES
    )
    for stage in STAGES:
        assert set(stage.runs_for) <= set(LAST_STAGES)


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        ("wait", ("check", "wait")),
        ("base", ("check", "wait", "base")),
        ("runtime", ("check", "wait", "artifacts", "base", "runtime")),
        ("etcd", ("check", "wait", "artifacts", "base", "runtime", "etcd")),
        ("control-plane", STAGE_IDS[:8]),
        ("add-ons", STAGE_IDS[:-1]),
        ("verify", STAGE_IDS),
        (None, STAGE_IDS),
    ],
)
def test_a_play_runs_all_stages_up_to_the_last_and_what_they_need(
    last: Any, wanted: tuple[str, ...]
) -> None:
    assert stages_through(last) == wanted


@pytest.mark.parametrize("last", LAST_STAGES)
def test_the_inventory_names_the_stages_of_the_table(last: str) -> None:
    spec = parse_spec({"name": "demo", "playbook": {"through": last}})
    record = ClusterRecord(name="demo", uid="u", generation=1)
    variables = render_inventory(make_plan(spec, record, []), "demo-000001-1")["all"]["vars"]
    assert variables["slipway_stages"] == list(stages_through(spec.playbook.through))
