"""All telemetry of a run has its operation's id, and contains no secret and no payload."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.registration import ActivityFaultError, activity
from clients.errors import Refused, Transient
from cluster.contracts import CHECK_PREFLIGHT, RunRef
from cluster.events import from_lines
from cluster.names import run_blob
from cluster.outcomes import Outcome
from telemetry import spans
from telemetry.exporters import LEFT_OUT
from telemetry.names import Attribute, EventName
from tests.telemetry.heard import Heard
from tests.telemetry.story import CLUSTER, Story

ROOT = Path(__file__).resolve().parents[2]
REF = {"cluster": CLUSTER, "generation": 7}
ENGINE_LOGGER = "azure.durable_functions.worker"
# An activity that reads no record before it begins.
UNFENCED = replace(CHECK_PREFLIGHT, reports=True)


def test_every_span_belongs_to_an_operation(story: Story) -> None:
    """From the claim on: telemetry before the claim belongs to no run."""
    assert len(story.without()) == story.before
    found = {(span.attributes or {}).get(Attribute.OPERATION) for span in story.heard.spans}
    assert found - {None} == set(story.operations)


@pytest.mark.parametrize(
    "host", ["slipway-test.vault.azure.net", "management.azure.com", "127.0.0.1"]
)
def test_dependency_calls_were_among_them(story: Story, host: str) -> None:
    """Vault, ARM, and on loopback storage and Slack."""
    calls = [s for s in story.heard.spans if (s.attributes or {}).get("server.address") == host]
    assert any((s.attributes or {}).get("http.response.status_code") for s in calls)


def test_every_execution_of_an_activity_has_a_span_with_its_outcome(story: Story) -> None:
    found = [s for s in story.heard.spans if s.name.startswith("activity ")]
    names = {(s.attributes or {})[Attribute.ACTIVITY] for s in found}
    assert {"plan_cluster", "ensure_keys", "record_events", "finish_run", "post_slack"} <= names
    outcomes = {(s.attributes or {}).get(Attribute.OUTCOME) for s in found}
    assert {"done", "wait"} <= outcomes
    raised = [s for s in found if Attribute.OUTCOME not in (s.attributes or {})]
    assert [(s.attributes or {})["error.type"] for s in raised] == ["ActivityFaultError"]


def test_every_line_and_record_belongs_to_an_operation(story: Story) -> None:
    lines = [line.log_record for line in story.heard.lines]
    attributes = [line.attributes or {} for line in lines]
    # The engine's library warns of a timer that a renewed history left behind, before any of the
    # app's code runs.
    ours = [some for some in attributes if some.get(Attribute.LOGGER) != ENGINE_LOGGER]
    without = [some for some in ours if Attribute.OPERATION not in some]
    assert without == []
    assert any("raised and is retried a few times" in text for text in story.heard.logged())


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_every_event_has_the_id_and_is_reported_with_its_number(
    story: Story, generation: int
) -> None:
    operation = story.operations[generation - 1]
    found = story.store.blobs.read(run_blob(CLUSTER, generation, "events.jsonl"))
    assert found
    events = from_lines(found[0].decode())
    assert {event.operation for event in events} == {operation}
    told = [r for r in story.heard.records(EventName.EVENT) if r[Attribute.OPERATION] == operation]
    assert [record[Attribute.SEQUENCE] for record in told] == [event.seq for event in events]
    assert [record[Attribute.EVENT_KIND] for record in told] == [event.kind for event in events]
    stages = [record.get(Attribute.STAGE, "") for record in told]
    assert stages == [event.stage for event in events]


def test_every_slack_message_begins_with_the_id(story: Story) -> None:
    first = [text.partition("\n")[0].strip("`") for text in story.slack()]
    assert set(first) == set(story.operations)
    posted = [r for r in story.heard.records(EventName.SLACK) if r[Attribute.STATE] == "posted"]
    assert [record[Attribute.OPERATION] for record in posted] == first


def test_throttling_of_slack_is_reported(story: Story) -> None:
    calls = [s for s in story.heard.spans if s.name == "slack"]
    codes = [(s.attributes or {})["http.response.status_code"] for s in calls]
    assert codes.count(429) == 2
    assert [r[Attribute.STATE] for r in story.heard.records(EventName.SLACK)].count(
        "throttled"
    ) == 2


def test_ends_are_reported_with_cause_and_durations(story: Story) -> None:
    ends = {record[Attribute.OPERATION]: record for record in story.heard.records(EventName.RUN)}
    first, second, third, fourth = (ends[operation] for operation in story.operations)
    assert (first[Attribute.STATE], first[Attribute.CODE], first[Attribute.PHASE]) == (
        "failed",
        "PlayFailed",
        "playbook",
    )
    assert {end[Attribute.STATE] for end in (second, third, fourth)} == {"succeeded"}
    kinds = [end[Attribute.KIND] for end in (second, third, fourth)]
    assert kinds == ["reconcile", "maintain", "delete"]
    assert Attribute.CODE not in second
    # The simulated machine's snapshot does not arrive in this test's storage.
    assert third[Attribute.FINDINGS] == "CertificateDue,BackupTooOld"
    phases = [
        r for r in story.heard.records(EventName.PHASE) if r[Attribute.OPERATION] == "demo-000002"
    ]
    assert sum(phase[Attribute.SECONDS] for phase in phases) == pytest.approx(
        second[Attribute.SECONDS]
    )


def test_each_node_is_reported_when_it_is_ready(story: Story) -> None:
    nodes = {record[Attribute.NODE] for record in story.heard.records(EventName.NODE)}
    assert len(nodes) == 7


def test_claims_are_reported_before_anything_runs(story: Story) -> None:
    claims = story.heard.records(EventName.CLAIM)
    assert [(c[Attribute.OPERATION], c[Attribute.KIND]) for c in claims] == list(
        zip(story.operations, ("reconcile", "reconcile", "maintain", "delete"), strict=True)
    )


def found_in(data: bytes, story: Story) -> set[str]:
    return {name for form, names in story.forms.items() if form in data for name in names}


def test_no_secret_and_no_payload_is_reported(story: Story) -> None:
    assert found_in(story.heard.everything(), story) == set()


def test_the_search_would_find_them(story: Story) -> None:
    """They are where they belong: in the vault, in the record, in the play's log."""
    vault = json.dumps([story.facade.vault.secrets, story.facade.vault.deleted]).encode()
    assert len(found_in(vault, story)) > 5
    names = story.store.blobs.list(f"clusters/{CLUSTER}/")
    record = b"".join((story.store.blobs.read(name) or (b"",))[0] for name in names)
    assert found_in(record, story) == {"payload"}


def test_an_unexpected_exception_leaves_without_its_text(heard: Heard) -> None:
    @activity(UNFENCED)
    def fail(_: RunRef) -> Outcome:
        raise KeyError("what it was given")

    with pytest.raises(ActivityFaultError, match=r"KeyError in .*test_operation\.py:") as raised:
        fail(REF)
    assert "given" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    told = heard.everything()
    assert b"given" not in told
    assert b"test_operation.py:" in told


def test_an_answer_is_logged_without_the_services_words(heard: Heard) -> None:
    answers = [Refused("Conflict", "it had hunter2", place="vault"), Transient("hunter2", 4.0)]

    @activity(UNFENCED)
    def answered(_: RunRef) -> Outcome:
        raise answers.pop(0)

    assert [answered(REF)["state"] for _ in range(2)] == ["refused", "wait"]
    assert heard.logged() == [
        f"demo-000007: {CHECK_PREFLIGHT.name}: refused: Conflict at vault",
        f"demo-000007: {CHECK_PREFLIGHT.name}: not now, again in 4 s",
    ]
    assert b"hunter2" not in heard.everything()


def test_a_payload_that_does_not_fit_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="generation") as raised:
        RunRef.model_validate({"cluster": "demo", "generation": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_a_librarys_warning_is_reported_without_its_text(heard: Heard) -> None:
    with spans.operation(CLUSTER, 7):
        logging.getLogger("some.library").warning("got %s", "hunter2")
        logging.getLogger("some.library").info("nothing")
    assert heard.logged() == [LEFT_OUT]
    (line,) = heard.lines
    attributes: Any = line.log_record.attributes
    assert attributes[Attribute.OPERATION] == "demo-000007"
    assert attributes["code.file.path"] == "tests/telemetry/test_operation.py"


def test_threads_stay_in_their_operation(heard: Heard) -> None:
    def ask(number: int) -> None:
        with spans.call("ssh run", f"10.0.0.{number}", {}):
            pass

    with (
        spans.operation(CLUSTER, 7),
        spans.activity("verify_cluster"),
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(spans.carried(ask), range(8)))
    assert len(heard.spans) == 9
    assert {(s.attributes or {})[Attribute.OPERATION] for s in heard.spans} == {"demo-000007"}
    parents = {s.parent.span_id for s in heard.spans if s.parent}
    assert len(parents) == 1


def test_the_host_is_configured_to_leave_inputs_and_outputs_out() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["telemetryMode"] == "OpenTelemetry"
    assert host["extensions"]["durableTask"]["tracing"]["traceInputsAndOutputs"] is False


def test_a_span_keeps_what_is_listed_and_no_query(heard: Heard) -> None:
    about = {
        "note": "hunter2",
        "url.full": "https://a.example/b?sig=hunter2",
        Attribute.PROGRAM: "tail",
    }
    with spans.operation(CLUSTER, 7), spans.call("ssh run", "10.0.0.4", about) as span:
        span.add_event("exception", {"exception.message": "hunter2"})
    (told,) = heard.spans
    assert b"hunter2" not in heard.everything()
    assert (told.attributes or {})["url.full"] == "https://a.example/b"
    assert (told.attributes or {})[Attribute.PROGRAM] == "tail"
