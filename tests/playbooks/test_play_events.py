"""The controller tells of a task only if a host runs it, and why a task failed."""

import io
import json
from typing import Any

import pytest

from lab.simulation.play import controller_program

EVENTS = controller_program("events")
SKIPPED = "runner_on_skipped"


class Told:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lines = io.StringIO()
        self.now = 100.0
        monkeypatch.setattr(EVENTS.time, "monotonic", lambda: self.now)
        self.writer = EVENTS.Writer(self._lines, io.StringIO(), {"Etcd": "etcd"})

    def hear(self, event: str, **data: Any) -> None:
        self.writer({"event": event, "event_data": {"play": "Etcd"} | data})

    def announce(self, task: str) -> None:
        self.hear("playbook_on_task_start", task=task)

    @property
    def told(self) -> list[str]:
        lines = map(json.loads, self._lines.getvalue().splitlines())
        return [f"{line['kind']} {line['task']}".strip() for line in lines]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_a_task_that_every_host_skips_is_not_told(told: Told) -> None:
    told.hear("playbook_on_play_start")
    for task in ("Format the disk", "Clear what a broken attempt left"):
        told.announce(task)
        for host in "abc":
            told.hear("runner_on_start", host=host)
            told.hear(SKIPPED, host=host)
    told.announce("Start etcd")
    told.hear("runner_on_ok", host="a")
    told.announce("Restart etcd")
    told.hear(SKIPPED, host="a")
    told.hear("playbook_on_stats")
    assert told.told == ["play", "task Start etcd", "recap"]


@pytest.mark.parametrize("event", sorted(EVENTS.RAN))
def test_a_task_is_told_once_when_the_first_host_has_run_it(told: Told, event: str) -> None:
    told.announce("Start etcd")
    told.hear(SKIPPED, host="a")
    assert told.told == []
    told.hear(event, host="b")
    told.hear(event, host="c")
    assert [line for line in told.told if line.startswith("task")] == ["task Start etcd"]
    assert told.told[0] == "task Start etcd", "a failure is told after its task"


def test_a_task_that_runs_for_long_is_told_before_its_first_result(told: Told) -> None:
    told.announce("Join the cluster")
    told.now += EVENTS.QUIET_SECONDS - 0.1
    told.writer.write_if_quiet()
    assert told.told == []
    told.now += 0.2
    told.writer.write_if_quiet()
    told.writer.write_if_quiet()
    assert told.told == ["task Join the cluster"]
    told.hear("runner_on_ok", host="a")
    assert told.told == ["task Join the cluster"]


def test_many_hosts_that_skip_a_task_one_after_the_other_are_no_quiet(told: Told) -> None:
    told.announce("Format the disk")
    for host in range(100):
        told.now += EVENTS.QUIET_SECONDS / 2
        told.hear(SKIPPED, host=f"node-{host}")
        told.writer.write_if_quiet()
    assert told.told == []


def test_a_task_that_was_skipped_is_not_told_later(told: Told) -> None:
    told.announce("Format the disk")
    told.hear(SKIPPED, host="a")
    told.hear("playbook_on_play_start")
    told.now += 60.0
    told.writer.write_if_quiet()
    assert told.told == ["play"]


@pytest.mark.parametrize("key", ["stderr", "module_stderr"])
@pytest.mark.parametrize("warnings", [3, 300])
def test_a_failure_says_what_the_program_said_last(key: str, warnings: int) -> None:
    """kubeadm warns on many lines, and ends with the error."""
    texts = [f"[WARNING SystemVerification]: number {n} is deprecated" for n in range(warnings)]
    error = "error execution phase preflight: [ERROR ImagePull]: pause:3.10.1 is not there"
    result = {"msg": "non-zero return code", key: "\n".join([*texts, error, ""])}
    message = EVENTS.message(result)
    assert message.startswith("non-zero return code; ")
    assert message.endswith(error)
    assert len(message) < 600
    assert ("... [WARNING" in message) == (warnings > 3)


def test_the_one_long_line_of_a_program_is_told_from_its_end() -> None:
    message = EVENTS.message({"results": [{"failed": True, "stderr": "x" * 9000 + "\nthe cause"}]})
    assert message.startswith("... xxx")
    assert message.endswith("x\nthe cause")
    assert len(message) < 600


def test_what_a_task_hides_is_not_told() -> None:
    assert "secret" not in EVENTS.message({"_ansible_no_log": True, "stderr": "secret"}).replace(
        "handles secrets", ""
    )
