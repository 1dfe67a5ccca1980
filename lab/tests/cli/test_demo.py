"""demo: what it shows, what it leaves, and that the lab goes down whatever happened. The lab is
played; the API's part too."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.__main__ import main
from lab import control
from lab.cli import demo
from lab.cli.supply import Supply
from lab.control import LabError, LabInfo
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    KEY,
    OPERATION,
    Conversation,
    Said,
    cluster,
    event,
)

type Output = pytest.CaptureFixture[str]


class Lab:
    """The switch, played: what was asked of it, and whether it is up."""

    def __init__(self, talk: Conversation, state: Path) -> None:
        self.asked: list[str] = []
        self.is_up = False
        self.on_up: Callable[[], None] = lambda: None
        self._state = state
        self._info = LabInfo(talk.url, KEY, {})

    def up(self, options: control.LabOptions, report: control.Report) -> LabInfo:
        self.asked.append("up")
        (self._state / "logs").mkdir(parents=True)
        (self._state / "logs/host.log").write_text("the host's own words", encoding="utf-8")
        self.on_up()
        self.is_up = True
        return self._info

    def down(self, report: control.Report) -> list[str]:
        self.asked.append("down")
        self.is_up = False
        return []

    def read_info(self) -> LabInfo | None:
        return self._info if self.is_up else None

    def status(self) -> dict[str, Any]:
        return {"state": str(self._state) if self._state.exists() else None}


@pytest.fixture
def lab(talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    played = Lab(talk, tmp_path / "state")
    for name in ("up", "down", "read_info", "status"):
        monkeypatch.setattr(control, name, getattr(played, name))
    monkeypatch.setattr(control, "STATE", tmp_path / "state")
    monkeypatch.setattr(control, "CACHE", tmp_path / "cache")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "become_root", lambda *_: None)
    monkeypatch.setattr(demo, "save_run", lambda *_: [])
    monkeypatch.setattr(demo, "set_up", lambda *_: Supply(filled=FILLED))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    talk.says("PUT", "/api/clusters/demo", *talk.script["PUT", CLUSTER])
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [event(1, "hi")], "next": 1}))
    return played


FILLED = {"containerd": "1.7.24", "etcd": "3.5.16"}
SPEC = {"playbook": {"through": "etcd"}}


def succeeds(talk: Conversation) -> None:
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready", spec=SPEC, stopsAfter="etcd"))


def test_success_shows_the_run_and_a_summary_and_takes_the_lab_down(
    talk: Conversation, lab: Lab, capsys: Output
) -> None:
    succeeds(talk)
    assert main(["demo"]) == 0
    told = capsys.readouterr().out
    for line in ("nodes       hi", "shop-etcd-0", "10.0.2.4", "events and logs of the operation"):
        assert line in told
    source = "containerd 1.7.24 and etcd 3.5.16 from Debian's packages, and no Kubernetes"
    assert len([line for line in told.splitlines() if source in line]) == 1
    assert "shop  ready, stops after: etcd" in told
    assert "shop is without Kubernetes: its play stops after the stage etcd" in told
    assert lab.asked == ["up", "down"]
    assert talk.asked[0].body
    assert "playbook" not in talk.asked[0].body, "the installation says how far its mirror reaches"


def test_json_has_the_final_status_as_its_only_line(
    talk: Conversation, lab: Lab, capsys: Output
) -> None:
    succeeds(talk)
    assert main(["demo", "--json", "--keep"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["state"] == "ready"
    assert "the lab stays up" in printed.err
    assert lab.asked == ["up"]


@pytest.mark.parametrize("kept", [True, False])
def test_the_way_to_the_api_is_printed_where_there_will_be_one(
    talk: Conversation,
    lab: Lab,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
) -> None:
    is_whole(talk)
    monkeypatch.setattr(demo, "set_up", lambda *_: Supply())
    assert main(["demo", *(["--keep"] if kept else [])]) == 0
    told = capsys.readouterr().out
    assert ("slipway kubeconfig shop" in told) is kept
    assert ("slipway tunnel shop" in told) is kept
    for untrue in ("stops after", "without Kubernetes", "Debian's packages", "no images"):
        assert untrue not in told


def fails(talk: Conversation) -> None:
    cause = {"code": "X", "phase": "nodes", "place": "demo-etcd-0", "message": "no report"}
    talk.says("GET", OPERATION, Said(424, {"title": "the operation failed", "cause": cause}))
    talk.says("GET", CLUSTER, cluster("failed", cause=cause, spec=SPEC))


def is_cancelled(talk: Conversation) -> None:
    talk.says("GET", OPERATION, Said(409, {"title": "the operation was cancelled"}))
    talk.says("GET", CLUSTER, cluster("failed", spec=SPEC))


def is_whole(talk: Conversation) -> None:
    access = {
        "vault": "https://shop.vault.azure.net",
        "kubeconfigSecret": "shop-abc-kubeconfig",
        "apiName": "api.shop.slipway.internal",
        "publicAddress": None,
    }
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready", access=access))


ENGINES = {
    "memory": "engine: memory (durabletask's in-memory engine)",
    "azure-storage": "engine: azure-storage (Microsoft's Durable extension on Azurite)",
}


@dataclass(frozen=True)
class End:
    """How a demonstration ends: what the API says, where the programs came from, the exit code."""

    says: Callable[[Conversation], None]
    supply: Supply
    code: int


ENDS = {
    "filled": End(succeeds, Supply(filled=FILLED), 0),
    "official": End(is_whole, Supply(), 0),
    "named": End(is_whole, Supply(named={"url": "http://mirror.example"}), 0),
    "failed": End(fails, Supply(filled=FILLED), 1),
    "cancelled": End(is_cancelled, Supply(filled=FILLED), 3),
}


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("flags", [[], ["--keep"]], ids=["", "kept"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_closing_lines_are_true_of_the_engine_and_of_how_it_ended(
    talk: Conversation,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    flags: list[str],
    end: End,
) -> None:
    kept = bool(flags)
    end.says(talk)
    monkeypatch.setattr(demo, "set_up", lambda *_: end.supply)
    assert main(["demo", "--engine", engine, *flags]) == end.code
    closing = capsys.readouterr().out.partition(" summary ")[2].splitlines()
    assert [line for line in closing if line.startswith("engine: ")] == [ENGINES[engine]]
    assert len([line for line in closing if line.startswith("events and logs of ")]) == 1
    filled = [line for line in closing if "containerd 1.7.24 and etcd 3.5.16 from Debian" in line]
    assert len(filled) == (end.code == 0 and bool(end.supply.filled))
    # Where it will be possible, and only there, the lines say how to reach Kubernetes.
    hints = [line for line in closing if "slipway kubeconfig shop" in line]
    assert len(hints) == (end.says is is_whole and kept)
    assert any("stops after: etcd" in line for line in closing) is (end.says is succeeds)
    assert any("the lab stays up at " in line for line in closing) is kept
    assert any("lab taken down" in line for line in closing) is not kept


def test_another_spec_is_applied_as_it_is(
    talk: Conversation, lab: Lab, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"url": "http://mirror.example", "manifestSha256": "0" * 64}
    monkeypatch.setattr(demo, "set_up", lambda *_: Supply(named=named))
    succeeds(talk)
    assert main(["demo", "--spec", spec]) == 0
    assert talk.asked[0].body == {"name": "shop", "etcd": {"count": 1}, "artifacts": named}


def test_a_failed_run_fails_says_where_the_logs_are_and_takes_the_lab_down(
    talk: Conversation, lab: Lab, tmp_path: Path, capsys: Output
) -> None:
    fails(talk)
    assert main(["demo"]) == 1
    printed = capsys.readouterr()
    assert "nodes, demo-etcd-0: no report (X)" in printed.err
    assert "no report" not in printed.out, "a failure is told once"
    assert "from Debian's" not in printed.out
    folder = Path(printed.out.partition("events and logs of the operation: ")[2].splitlines()[0])
    assert (folder / "lab/host.log").read_text(encoding="utf-8") == "the host's own words"
    assert lab.asked == ["up", "down"]


def test_a_lab_that_does_not_start_is_taken_down(
    talk: Conversation, lab: Lab, capsys: Output
) -> None:
    def fail() -> None:
        raise LabError("the lab did not start: no room")

    lab.on_up = fail
    assert main(["demo", "--json"]) == 1
    printed = capsys.readouterr()
    assert "the lab did not start: no room\nlogs: " in printed.err
    assert "no room" in json.loads(printed.out)["title"]
    assert lab.asked == ["up", "down"]


def test_a_refused_spec_takes_the_lab_down(talk: Conversation, lab: Lab, capsys: Output) -> None:
    refused = Said(400, {"title": "the spec was refused"})
    talk.says("PUT", "/api/clusters/demo", refused)
    assert main(["demo"]) == 2
    assert "the spec was refused" in capsys.readouterr().err
    assert lab.asked == ["up", "down"]


def test_ctrl_c_takes_the_lab_down_and_keeps_the_record(
    talk: Conversation, lab: Lab, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "follow", interrupted)
    monkeypatch.setattr(demo, "save_run", lambda _, name, __: saved.append(name))
    assert main(["demo"]) == 130
    assert "interrupted; logs: " in capsys.readouterr().err
    assert saved == ["demo"]
    assert lab.asked == ["up", "down"]


def test_storage_that_is_gone_does_not_keep_the_lab_up(
    talk: Conversation, lab: Lab, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(demo, "save_run", gone)
    succeeds(talk)
    assert main(["demo"]) == 0
    assert "could not be kept: ConnectionError" in capsys.readouterr().out
    assert lab.asked == ["up", "down"]


def test_what_an_earlier_lab_left_is_cleared_and_one_that_is_up_is_left_alone(
    talk: Conversation, lab: Lab, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "state").mkdir()
    succeeds(talk)
    assert main(["demo", "--keep"]) == 0
    assert lab.asked == ["down", "up"]
    assert main(["demo"]) == 2
    assert "a lab is up" in capsys.readouterr().err
    assert lab.asked == ["down", "up"]
