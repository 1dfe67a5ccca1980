"""`slipway lab conformance`: what it shows, its exit codes, and what it refuses. The suite is
played; its own tests are in lab/tests/conformance."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.api import ClusterDetail, ClusterList
from dev.__main__ import main
from lab.cli import conformance
from lab.conformance.suite import Suite
from lab.fabric import FabricError
from lab.tests.conformance.conftest import Specs, spec
from lab.tests.conformance.conftest import directory as directory  # noqa: PLC0414
from lab.tests.conformance.conftest import suite_of as suite_of  # noqa: PLC0414

type Output = pytest.CaptureFixture[str]
type Command = Callable[..., int]


@pytest.fixture
def command(
    directory: Path,
    suite_of: Callable[[Specs], Suite],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """Runs the command against a cluster that a kubeconfig names."""
    suite_of([spec("should pass"), spec("should fail", "failed")])
    (tmp_path / "config").write_text("")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        words = ["lab", "conformance", "--suite", str(directory), "--kubeconfig", "config"]
        return main([*words, *arguments])

    return run


def test_a_failure_is_shown_with_its_output_and_the_counts(
    command: Command, capsys: Output
) -> None:
    assert command() == 1
    shown = capsys.readouterr().out
    assert "FAILED [sig-apps] Things should fail [Conformance] (1.2 s)" in shown
    assert "    timed out waiting\n" in shown
    assert "2 specs of v1.36.2 on config: 1 passed, 1 failed, 0 skipped, 0 not run\n" in shown
    assert "results: conformance/summary.json" in shown


def test_only_passes_are_a_success(command: Command, capsys: Output) -> None:
    assert command("--focus", "should pass") == 0
    assert "1 specs of v1.36.2 on config: 1 passed, 0 failed" in capsys.readouterr().out


def test_results_are_gone_on_with_and_never_overwritten(
    command: Command, suite_of: Callable[[Specs], Suite], capsys: Output
) -> None:
    assert command() == 1
    assert command() == 2
    assert "go on with it (--skip-passed conformance)" in capsys.readouterr().err
    suite_of([spec("should pass"), spec("should fail")])
    assert command("--skip-passed", "conformance") == 0
    assert "2 passed, 0 failed, 0 skipped, 0 not run (1 of the passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--focus", "("), "--focus (: "),
        (
            ("--focus", "nothing like it"),
            "none of 2 conformance specs has 'nothing like it' in its",
        ),
        (("--skip-passed", "none"), "--skip-passed: none: No such file or directory"),
        (("--skip-passed", "config"), "--skip-passed: config is not the summary of a run"),
        (("--kubeconfig", "none"), "none is not a file"),
        (("--suite", "none"), "none is not a directory"),
        (("--parallel", "0"), "--parallel 0: at least 1"),
    ],
)
def test_wrong_arguments_are_refused_before_a_spec_runs(
    command: Command, directory: Path, capsys: Output, arguments: tuple[str, ...], told: str
) -> None:
    assert command(*arguments) == 2
    assert told in capsys.readouterr().err
    assert not (directory / "calls").exists()


def test_results_of_another_version_are_refused(
    command: Command, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"suite": "v1.35.0", "specs": []}))
    assert command("--skip-passed", "old.json") == 2
    assert "old.json is of suite v1.35.0, and this is v1.36.2" in capsys.readouterr().err


@pytest.fixture
def in_lab(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A lab with clusters, played; returns what was loaded, and the clusters by name."""
    document = {
        "name": "demo",
        "generation": 1,
        "state": "ready",
        "nodes": [
            {"name": f"demo-{name}", "role": role, "state": "ready", "address": "10.0.0.4"}
            for name, role in (("cp", "control-plane"), ("etcd", "etcd"), ("w", "worker"))
        ],
        "access": {"vault": "https://v", "kubeconfigSecret": "s", "apiName": "api"},
    }
    found: dict[str, Any] = {"nodes": [], "names": ["demo"], "networks": []}

    class Api:
        def __init__(self, target: Any) -> None:
            del target

        def clusters(self) -> ClusterList:
            known = [{"name": name, "state": "ready"} for name in found["names"]]
            return ClusterList.model_validate({"clusters": known})

        def cluster(self, name: str) -> ClusterDetail:
            return ClusterDetail.model_validate(document | {"name": name})

    def load(suite: Suite, state: Path, nodes: list[str], *_: Any) -> None:
        del suite, state
        found["nodes"] += nodes

    def network(state: Path, node: str) -> list[str]:
        del state
        found["networks"].append(node)
        return ["env"]

    target = type("Target", (), {"azure": "http://127.0.0.1:9"})()
    monkeypatch.setattr(conformance, "find_target", lambda _: target)
    monkeypatch.setattr(conformance, "Api", Api)
    monkeypatch.setattr(conformance, "become_root", lambda _: None)
    monkeypatch.setattr(conformance, "read_secret", lambda *_: "secret")
    monkeypatch.setattr(conformance, "with_server", lambda text, server: f"{text} {server}")
    monkeypatch.setattr(conformance, "load_images", load)
    monkeypatch.setattr(conformance, "network_entry", network)
    monkeypatch.chdir(tmp_path)
    return found


def test_a_lab_gets_the_images_and_is_reached_from_a_control_plane(
    in_lab: dict[str, Any], directory: Path, capsys: Output
) -> None:
    assert main(["lab", "conformance", "--suite", str(directory)]) == 0
    assert in_lab["nodes"] == ["demo-cp", "demo-w"]
    assert in_lab["networks"] == ["demo-cp"]
    assert "on demo: 1 passed" in capsys.readouterr().out
    (call,) = (json.loads(line) for line in (directory / "calls").read_text().splitlines())
    (config,) = (word.partition("=")[2] for word in call if word.startswith("--kubeconfig"))
    assert not Path(config).exists()


def test_one_of_several_clusters_must_be_named(
    in_lab: dict[str, Any], directory: Path, capsys: Output
) -> None:
    in_lab["names"] = ["demo", "other"]
    assert main(["lab", "conformance", "--suite", str(directory)]) == 2
    assert "the lab has demo, other: --cluster NAME" in capsys.readouterr().err
    assert main(["lab", "conformance", "--suite", str(directory), "--cluster", "other"]) == 0
    assert "on other: 1 passed" in capsys.readouterr().out


def test_a_node_that_takes_no_images_ends_the_command(
    in_lab: dict[str, Any], directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def load(*_: Any) -> None:
        raise FabricError("demo-w is not running")

    monkeypatch.setattr(conformance, "load_images", load)
    assert main(["lab", "conformance", "--suite", str(directory)]) == 1
    assert capsys.readouterr().err.endswith("slipway: demo-w is not running\n")
    assert not (directory / "calls").exists()
