"""What a service answers leaves an activity as an outcome, or, where asked for, as an exception."""

import importlib
from typing import Any

import pytest

from activities import ALL, ensure_group, post_slack, record_events, registration
from activities.registration import NEXT, ServiceFaultError, activity
from clients.azure.blobs import Conflict
from clients.errors import Refused, Transient
from cluster.contracts import (
    CHECK_PREFLIGHT,
    DELETE_RESOURCES,
    DELETE_SECRETS,
    ENSURE_GROUP,
    RECORD_EVENTS,
    START_DEPLOYMENT,
    RunRef,
)
from cluster.next_steps import OTHERWISE, STEPS
from cluster.outcomes import Outcome

# By its name: the package has a function of the same one.
MODULE = importlib.import_module("activities.record_events")
REF = {"cluster": "demo", "generation": 1}


@pytest.fixture(autouse=True)
def newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has not ended, and no newer operation was claimed."""
    monkeypatch.setattr(registration, "services", lambda: Ended(False))


def answering(error: Exception) -> Any:
    @activity(CHECK_PREFLIGHT)
    def refuse(_: RunRef) -> Outcome:
        raise error

    return refuse


@pytest.mark.parametrize("code", ["GroupOwnedByAnother", "Forbidden", "SomethingNew"])
def test_every_refusal_says_what_to_do_next(code: str) -> None:
    cause = answering(Refused(code, "what is wrong"))(REF)["cause"]
    assert (cause["code"], cause["message"]) == (code, "what is wrong")
    assert cause["next_step"] == (NEXT | STEPS).get(code, OTHERWISE)


def test_a_refusal_names_its_own_place_where_it_knows_one() -> None:
    known = Refused("HostKeyMismatch", "another key", place="demo-controller")
    assert answering(known)(REF)["cause"]["place"] == "demo-controller"
    assert answering(Refused("X", "y"))(REF)["cause"]["place"] == "check_preflight"


def test_a_passing_fault_is_a_matter_of_waiting() -> None:
    outcome = answering(Transient("storage: status 503", 7.0))(REF)
    assert (outcome["state"], outcome["retry_after"]) == ("wait", 7.0)
    assert outcome["notes"] == ["storage: status 503"]


class Away:
    """A storage account and a vault that do not answer."""

    def __init__(self, *writes: Exception | None) -> None:
        self.writes, self.posted = list(writes), 0

    @property
    def store(self) -> Any:
        return self

    blobs = vault = store

    def append_at(self, *_: Any) -> int:
        raise Transient("storage: status 503")

    def write(self, *_: Any, **__: Any) -> str:
        error = self.writes.pop(0)
        if error:
            raise error
        return "etag"

    def record(self, _: str) -> Any:
        raise Transient("storage: status 503", 3.0)

    def read(self, _: str) -> None:
        return None


def test_events_that_cannot_be_written_are_never_taken_for_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MODULE, "services", Away)
    with pytest.raises(ServiceFaultError):
        record_events(REF | {"position": 120, "lines": ["x\n"]})
    assert RECORD_EVENTS.gives().position == 0


@pytest.mark.parametrize(
    ("claim", "posted"),
    [(Transient("away"), "lost"), (Conflict("claimed"), "lost"), (None, "throttled")],
)
def test_a_message_is_tried_again_only_under_a_claim_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, claim: Exception | None, posted: str
) -> None:
    away = Away(claim, Transient("away"))
    monkeypatch.setattr(MODULE, "services", lambda: away)
    result = post_slack(REF | {"number": 1, "lines": ["hello"]})
    assert result["posted"] == posted
    assert result["reason"]


def test_an_activity_is_registered_under_its_contract() -> None:
    assert ensure_group.contract is ENSURE_GROUP


class Ended:
    """Services of which only the store answers, and only that the run has ended, or not."""

    def __init__(self, ended: bool | Exception) -> None:
        self.asked: list[str] = []
        self._ended = ended

    @property
    def store(self) -> Any:
        return self

    def refuse_superseded(self, ref: RunRef) -> None:
        """No newer operation was claimed: `test_fencing.py` tests the other case."""

    def has_ended(self, ref: RunRef) -> bool:
        self.asked.append(ref.cluster)
        if isinstance(self._ended, Exception):
            raise self._ended
        return self._ended


def begun(services: Ended, monkeypatch: pytest.MonkeyPatch, contract: Any) -> tuple[Any, bool]:
    """The activity's answer, and whether its function was reached."""
    monkeypatch.setattr(registration, "services", lambda: services)
    reached: list[Any] = []

    @activity(contract)
    def act(ref: RunRef) -> Outcome:
        reached.append(ref)
        return contract.gives()

    given = {"part": "network", "parts": [], "position": 0, "lines": [], "number": 1}
    given |= {"result": "failed", "turn": 1, "role": "worker", "node": "demo-worker-0"}
    fields = contract.takes.model_fields
    payload = REF | {name: value for name, value in given.items() if name in fields}
    return act(payload), bool(reached)


CHANGING = [a.contract for a in ALL if a.contract.changes and not a.contract.reports]
OTHERS = [a.contract for a in ALL if not a.contract.changes or a.contract.reports]


@pytest.mark.parametrize("contract", CHANGING, ids=lambda contract: contract.name)
def test_an_execution_that_begins_after_its_runs_end_changes_nothing(
    contract: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, reached = begun(Ended(True), monkeypatch, contract)
    assert (answer["state"], answer["cause"]["code"]) == ("refused", "RunEnded")
    assert not reached
    assert begun(Ended(False), monkeypatch, contract)[1]


def test_where_it_is_not_known_whether_the_run_has_ended_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = Ended(Transient("storage: status 503", 3.0))
    answer, reached = begun(services, monkeypatch, START_DEPLOYMENT)
    assert (answer["state"], reached) == ("wait", False)


@pytest.mark.parametrize("contract", OTHERS, ids=lambda contract: contract.name)
def test_what_only_reads_or_reports_does_not_ask_whether_the_run_has_ended(
    contract: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Ended(True)
    assert begun(services, monkeypatch, contract)[1]
    assert services.asked == []


def test_only_the_record_and_slack_are_written_after_a_runs_end() -> None:
    reporting = {a.contract.name for a in ALL if a.contract.reports}
    assert reporting == {"finish_run", "post_slack", "record_events"}


@pytest.mark.parametrize("contract", [DELETE_RESOURCES, DELETE_SECRETS])
@pytest.mark.parametrize("code", ["ScopeLocked", "AuthorizationFailed", "SomethingNew"])
def test_a_failed_removal_says_to_send_delete_again(contract: Any, code: str) -> None:
    @activity(contract)
    def refuse(_: Any) -> Any:
        raise Refused(code, "what is wrong")

    cause = refuse(REF)["cause"]
    assert "send DELETE again" in cause["next_step"]
    assert "spec" not in cause["next_step"]


def test_further_causes_are_lines_of_their_own() -> None:
    error = Refused("A", "demo-etcd-0: full", ["demo-etcd-1: full", "B: other"])
    cause = answering(error)(REF)["cause"]
    assert cause["message"] == "demo-etcd-0: full (2 resources; others: demo-etcd-1)\nB: other"


def test_the_same_code_of_storage_and_of_ssh_has_different_cures() -> None:
    ssh = answering(Refused("AuthenticationFailed", "no", place="demo-controller"))(REF)["cause"]
    storage = answering(Refused("AuthenticationFailed", "no", place="storage: x"))(REF)["cause"]
    assert "SSH" in ssh["next_step"]
    assert "SSH" not in storage["next_step"]
