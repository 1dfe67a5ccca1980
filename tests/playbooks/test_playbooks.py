"""The bundle, the manifest, and the controller's side of a play."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from activities.bundle import playbook_bundle
from cluster.add_ons import images_of_add_ons
from cluster.spec import ClusterSpec

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The modules as on the controller: in one folder, imported by their own names."""
    monkeypatch.syspath_prepend(str(PLAYBOOKS / "controller"))
    for name in ("paths", "unit", "streams", "events"):
        sys.modules.pop(name, None)
    module = importlib.import_module("paths")
    monkeypatch.setattr(module, "DISK", tmp_path / "runs")
    monkeypatch.setattr(module, "MEMORY", tmp_path / "memory")
    return module


def test_the_bundle_is_the_same_bytes_each_time() -> None:
    first = playbook_bundle()
    playbook_bundle.cache_clear()
    assert playbook_bundle().digest == first.digest
    assert first.directory.endswith(first.digest)


MINORS = sorted(yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())["kubernetes"])
# What upstream's kubeadm of each minor lists (`kubeadm config images list`): CoreDNS and pause.
OF_KUBEADM = {
    "1.34": ("1.12.1", "3.10.1"),
    "1.35": ("1.13.1", "3.10.1"),
    "1.36": ("1.14.2", "3.10.2"),
}


def test_a_spec_may_ask_for_the_minors_that_the_manifest_has_and_no_other() -> None:
    field = ClusterSpec.model_json_schema()["$defs"]["Kubernetes"]["properties"]["version"]
    asked = [f"1.{minor}" for minor in range(100)]
    assert [one for one in asked if re.match(field["pattern"], one)] == MINORS
    assert [one for one in MINORS if not re.match(field["pattern"], f"{one}.7")] == []
    assert field["default"] in MINORS


@pytest.mark.parametrize("minor", MINORS)
def test_the_manifest_pins_all_that_the_stages_need(minor: str) -> None:
    manifest = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
    needs = yaml.safe_load((PLAYBOOKS / "roles/artifacts/defaults/main.yml").read_text())
    files, release = manifest["artifacts"], manifest["kubernetes"][minor]
    files += release["artifacts"]
    needed = {name for names in needs["artifacts_of_stage"].values() for name in names}
    assert {entry["name"] for entry in files} == needed
    of_add_ons = {image for _, image in images_of_add_ons()}
    needed_images = set(needs["artifacts_image_names"]) | of_add_ons
    assert {entry["name"] for entry in release["images"]} == needed_images
    for entry in files:
        assert re.fullmatch(r"[0-9a-f]{64}", entry["sha256"])
        assert f"v{entry['version']}/" in entry["url"]
    for entry in release["images"]:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", entry["digest"])
        assert (
            entry["image"].rpartition(":v" if entry["name"] != "pause" else ":")[2]
            == (entry["version"])
        )


@pytest.mark.parametrize("minor", MINORS)
def test_programs_and_images_of_kubernetes_have_one_version(minor: str) -> None:
    manifest = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
    release = manifest["kubernetes"][minor]
    own = {"crictl", "coredns", "pause"} | {image for _, image in images_of_add_ons()}
    entries = release["artifacts"] + release["images"]
    versions = {entry["version"] for entry in entries if entry["name"] not in own}
    assert versions == {release["version"]}
    assert release["version"].startswith(f"{minor}.")


@pytest.mark.parametrize("minor", MINORS)
def test_the_other_images_and_crictl_are_those_of_the_minor(minor: str) -> None:
    manifest = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
    release = manifest["kubernetes"][minor]
    entries = release["artifacts"] + release["images"]
    found = {entry["name"]: entry["version"] for entry in entries}
    assert (found["coredns"], found["pause"]) == OF_KUBEADM[minor]
    assert found["crictl"].startswith(f"{minor}.")


def test_one_checksum_is_of_one_file_and_one_version() -> None:
    """A figure that was copied to another version would be found twice."""
    manifest = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
    entries = list(manifest["artifacts"])
    for release in manifest["kubernetes"].values():
        entries += release["artifacts"] + release["images"]
    owners: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        figure = entry.get("sha256") or entry["digest"]
        owners.setdefault(figure, set()).add((entry["name"], entry["version"]))
    assert {figure: names for figure, names in owners.items() if len(names) > 1} == {}


def test_a_shutdown_asks_for_no_more_time_than_a_real_image_gives() -> None:
    """Debian's unattended-upgrades has logind wait 30 s, in a file that overrides the kubelet's."""
    template = PLAYBOOKS / "roles/control_plane/templates/kubeadm.yml.j2"
    (seconds,) = re.findall(r"'shutdownGracePeriod': '(\d+)s'", template.read_text())
    assert int(seconds) <= 30


def tasks_of_roles() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(PLAYBOOKS.glob("roles/*/tasks/*.yml")):
        for task in yaml.safe_load(path.read_text()) or []:
            for one in (task, *task.get("block", ())):
                yield f"{path.relative_to(PLAYBOOKS)}: {one.get('name')}", one


def test_what_is_asked_of_the_api_server_is_asked_again() -> None:
    """An API server that restarts after its upgrade refuses what the balancer still sends to it."""
    asks = ("'kubectl'", "apply-add-on.py", "'token'", "mark-control-plane", "'addon'", "'upgrade'")
    once: list[str] = []
    asking = 0
    for where, task in tasks_of_roles():
        command = task.get("ansible.builtin.command") or {}
        if any(word in str(command.get("argv")) for word in asks):
            asking += 1
            once += [] if "retries" in task else [where]
    assert once == []
    assert asking > 10


class Puller:
    """The play's own lines that pull an image, with a skopeo that may be killed halfway."""

    def __init__(self, folder: Path) -> None:
        tasks = yaml.safe_load((PLAYBOOKS / "roles/artifacts/tasks/images.yml").read_text())
        argv = next(t for t in tasks if t["name"].startswith("Pull each"))
        self._script = argv["ansible.builtin.command"]["argv"][:4]
        self.archive, self._path = folder / "pause.tar", folder / "bin"
        self._path.mkdir()

    def pull(self, ending: str = "printf rest >>$file") -> int:
        """skopeo refuses to write to an archive that exists."""
        program = self._path / "skopeo"
        program.write_text(
            f"""#!/bin/sh
for last; do :; done
file=${{last#docker-archive:}}; file=${{file%:pause:3}}
[ ! -e "$file" ] || exit 1
printf half >"$file"
{ending}
"""
        )
        program.chmod(0o755)
        argv = [*self._script, str(self.archive), "pause:3", "copy", "docker://pause@sha256:0"]
        environment = {"PATH": f"{self._path}:{os.environ['PATH']}"}
        return subprocess.run(argv, env=environment, check=False).returncode


@pytest.mark.parametrize("ending", ["exit 1", "kill -9 $$", "kill -9 $PPID"])
def test_an_interrupted_pull_leaves_nothing_that_the_next_pull_uses(
    tmp_path: Path, ending: str
) -> None:
    puller = Puller(tmp_path)
    assert puller.pull(ending) != 0
    assert not puller.archive.exists()
    assert puller.pull() == 0
    assert puller.archive.read_text() == "halfrest"


@pytest.mark.parametrize("name", ["../x", "a b", "a;b", "A", "", "a" * 70])
def test_a_runs_id_cannot_be_a_path_or_a_command(paths: Any, name: str) -> None:
    with pytest.raises(Exception, match="run"):
        paths.run_id(name)


def test_a_poll_answers_whole_lines_from_its_offset(paths: Any) -> None:
    run = paths.Run("demo-000001-1")
    run.disk.mkdir(parents=True)
    run.events.write_text('{"kind": "task"}\n{"kind": "pl')
    run.log.write_bytes(b"0123456789")
    streams = importlib.import_module("streams")
    first = streams.poll(run, 0, 4, 100, 100)
    assert first["events"] == [{"kind": "task"}]
    assert (first["eventsOffset"], first["logOffset"]) == (17, 10)
    assert first["state"] == "lost"
    run.save_result(0)
    again = streams.poll(run, first["eventsOffset"], first["logOffset"], 100, 100)
    assert (again["state"], again["exitCode"], again["events"]) == ("finished", 0, [])


def test_a_poll_says_whether_there_is_more_and_never_cuts_a_line(paths: Any) -> None:
    run = paths.Run("demo-000001-1")
    run.disk.mkdir(parents=True)
    long = json.dumps({"kind": "recap", "message": "x" * 300})
    run.events.write_text(f'{{"kind": "task"}}\n{long}\n{{"kind": "pl')
    run.log.write_bytes(b"0123456789")
    streams = importlib.import_module("streams")
    first = streams.poll(run, 0, 0, 100, 4)
    assert ([e["kind"] for e in first["events"]], first["more"]) == (["task"], True)
    assert first["logOffset"] == 4
    second = streams.poll(run, first["eventsOffset"], 4, 100, 100)
    assert [e["kind"] for e in second["events"]] == ["recap"]
    third = streams.poll(run, second["eventsOffset"], 10, 100, 100)
    assert (third["events"], third["more"]) == ([], False)


def test_forty_failures_are_events_and_all_are_in_the_log(paths: Any) -> None:
    del paths  # for the modules' place
    lines, log = io.StringIO(), io.StringIO()
    writer = importlib.import_module("events").Writer(lines, log, {})
    for number in range(100):
        data = {"host": f"worker-{number}", "task": "join", "res": {"msg": "no answer"}}
        output = f"fatal: [worker-{number}]"
        writer({"event": "runner_on_failed", "event_data": data, "stdout": output})
    writer({"event": "playbook_on_stats", "event_data": {"failures": {"worker-1": 1}}})
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["kind"] for line in events] == ["failed"] * 40 + ["recap"]
    assert len(log.getvalue().splitlines()) == 100


def test_the_end_of_a_stage_names_every_host_that_failed_by_then(paths: Any) -> None:
    del paths  # for the modules' place
    lines = io.StringIO()
    stages = {"Base": "base", "Etcd": "etcd", "Etcd, lost": "etcd", "Nodes": "nodes"}
    writer = importlib.import_module("events").Writer(lines, io.StringIO(), stages)

    def tell(kind: str, **data: Any) -> None:
        writer({"event": kind, "event_data": data})

    tell("playbook_on_play_start", play="Base")
    for number in range(50):  # more than become events
        tell("runner_on_failed", host=f"h{number:02}", play="Base")
    tell("runner_on_failed", host="ignored", play="Base", ignore_errors=True)
    for play in ("Etcd", "Etcd, lost", "Nodes"):
        tell("playbook_on_play_start", play=play)
        tell("runner_on_unreachable", host=f"silent in {play}", play=play)
    tell("playbook_on_stats")
    ends = [one for one in map(json.loads, lines.getvalue().splitlines()) if one["kind"] == "stage"]
    failed = [f"h{number:02}" for number in range(50)]
    assert ends == [
        {"kind": "stage", "stage": "base", "failed": failed},
        {
            "kind": "stage",
            "stage": "etcd",
            "failed": [*failed, "silent in Etcd", "silent in Etcd, lost"],
        },
    ]


def test_a_result_is_written_in_one_step(paths: Any) -> None:
    run = paths.Run("demo-000001-1")
    run.disk.mkdir(parents=True)
    assert run.result() is None
    run.save_result(2, timed_out=True)
    assert run.result() == {"exitCode": 2, "timedOut": True}
    assert json.loads((run.disk / "result.json").read_text())["exitCode"] == 2


def test_a_full_disk_refuses_the_play_with_its_cause(
    paths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = importlib.import_module("unit")
    free = unit.FREE_BYTES
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(unit.shutil, "disk_usage", lambda _: usage)
    unit._need_space()
    usage.free = free - 1
    with pytest.raises(SystemExit, match=r"disk is full: 63 MB free in .*/runs, 64 MB are needed"):
        unit._need_space()


@pytest.mark.parametrize(
    ("status", "code", "result"), [("canceled", 254, None), ("failed", 2, 2), ("successful", 0, 0)]
)
def test_a_play_that_was_ended_from_outside_leaves_the_result_to_its_unit(
    paths: Any, monkeypatch: pytest.MonkeyPatch, status: str, code: int, result: int | None
) -> None:
    outcome = SimpleNamespace(status=status, rc=code)
    monkeypatch.setitem(sys.modules, "ansible_runner", SimpleNamespace(run=lambda **_: outcome))
    monkeypatch.delitem(sys.modules, "runner", raising=False)
    runner = importlib.import_module("runner")
    monkeypatch.setattr(runner, "_serve", lambda _: SimpleNamespace(shutdown=lambda: None))
    run = paths.Run("demo-000001-1")
    run.disk.mkdir(parents=True)
    run.memory.mkdir(parents=True)
    inventory = {"all": {"vars": {"slipway_controller_address": "10.0.0.4"}}}
    (run.memory / "inventory.json").write_text(json.dumps(inventory))
    assert runner.run(run) == code
    assert (run.result() or {}).get("exitCode") == result
