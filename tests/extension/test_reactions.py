"""How the app's orchestrators react to what the real Durable extension does."""

import itertools
import threading
import time
from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import Activity
from cluster.outcomes import Cause, Outcome
from lab.testing.hosts import WorkerLostError
from tests.extension.conftest import Rig


@pytest.mark.long
def test_pauses_last_as_long_as_asked_and_slack_makes_few_turns(hub: Rig) -> None:
    """On an engine whose timers fire up to a second early; Slack hangs 8 s for each message."""
    polls: list[float] = []

    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        polls.append(time.monotonic())
        if len(polls) < 6:
            return contracts.PollPlayResult(state="wait", retry_after=1.0, events_offset=0)
        return contracts.PollPlayResult(play_state="finished", exit_code=0)

    def post(_: contracts.SlackInput) -> contracts.SlackResult:
        time.sleep(8.0)
        return contracts.SlackResult(posted="lost", reason="slow")

    hub.app.script(contracts.POLL_PLAY, poll)
    hub.app.script(contracts.POST_SLACK, post)
    hub.begin(journal={"slack": True})
    assert hub.finish(150).get_output() == {"result": "succeeded"}
    gaps = [b - a for a, b in itertools.pairwise(polls)]
    assert min(gaps) >= 2.0
    assert hub.app.turns <= 80
    assert hub.app.events <= 300


@pytest.mark.long
def test_a_worker_that_dies_costs_a_try_and_the_cause_says_so(hub: Rig) -> None:
    left = [1, 1]

    def keys(_: contracts.RunRef) -> Outcome:
        if left:
            left.pop()
            raise WorkerLostError
        return Outcome()

    def verify(_: contracts.RunRef) -> contracts.VerifyResult:
        raise WorkerLostError

    hub.app.script(contracts.ENSURE_KEYS, keys)
    hub.app.script(contracts.VERIFY_CLUSTER, verify)
    hub.begin()
    state = hub.finish(200)
    assert hub.app.count(contracts.ENSURE_KEYS) == 3
    assert state.runtime_status.name == "FAILED"
    assert "RunFailedError: WorkerLost at verify_cluster" in str(state.serialized_output)
    assert any(
        "the worker process ended while activity verify_cluster ran, 4 times" in text
        for text in hub.recorder.texts
    )


def test_no_words_of_a_service_reach_the_hubs_output_or_the_hosts_log(hub: Rig) -> None:
    words = "the-words-of-a-service"
    cause = Cause(code="QuotaExceeded", place="westeurope", message=words)
    hub.app.script(contracts.CHECK_PREFLIGHT, lambda _: Outcome(state="refused", cause=cause))
    hub.begin()
    state = hub.finish(100)
    assert "RunFailedError: QuotaExceeded at westeurope" in str(state.serialized_output)
    assert words not in str(state.serialized_output)
    assert words not in hub.azure.logs()
    assert any(words in text for text in hub.recorder.texts)


def test_a_cancel_is_heard_while_an_activity_reads(hub: Rig) -> None:
    asked, over = threading.Event(), threading.Event()

    def poll(_: contracts.PollPlayInput) -> contracts.PollPlayResult:
        asked.set()
        over.wait(60)
        return contracts.PollPlayResult(state="wait", retry_after=1.0)

    hub.app.script(contracts.POLL_PLAY, poll)
    hub.begin()
    assert asked.wait(60)
    hub.cancel()
    assert hub.finish(55).get_output() == {"result": "cancelled"}
    assert not over.is_set()
    over.set()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_minute_without_queues_ends_in_a_finished_run_without_a_restart(hub: Rig) -> None:
    """The extension loses what it could not send meanwhile, an activity's result among it."""
    away: list[int] = []

    def keys(_: contracts.RunRef) -> Outcome:
        if not away:
            away.append(1)
            time.sleep(2.0)
            hub.door.shut()
            threading.Timer(60.0, hub.door.open).start()
        return Outcome()

    hub.app.script(contracts.ENSURE_KEYS, keys)
    hub.begin()
    assert hub.finish(900).get_output() == {"result": "succeeded"}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_minute_without_queues_in_the_middle_of_a_turn_keeps_the_record_whole(hub: Rig) -> None:
    """Turns are repeated then whose messages were sent: the same events come at another time."""

    def poll(asked: contracts.PollPlayInput) -> contracts.PollPlayResult:
        event = contracts.PlayEvent(kind="task", task=f"task {asked.events_offset}")
        done = asked.events_offset >= 9
        return contracts.PollPlayResult(
            state="done" if done else "wait",
            retry_after=1.0,
            play_state="finished" if done else "running",
            exit_code=0 if done else None,
            events=(event,),
            events_offset=asked.events_offset + 1,
        )

    hub.app.script(contracts.POLL_PLAY, poll)
    hub.begin()
    while hub.app.count(contracts.POLL_PLAY) < 3:
        time.sleep(0.1)
    hub.door.shut()
    time.sleep(60.0)
    hub.door.open()
    assert hub.finish(900).get_output() == {"result": "succeeded"}
    told = [text for text in hub.recorder.texts if text.startswith("task ")]
    assert told == [f"task {number}" for number in range(10)]


@pytest.mark.long
@pytest.mark.parametrize(
    "activity",
    [
        contracts.ENSURE_KEYS,
        contracts.START_DEPLOYMENT,
        contracts.POLL_DEPLOYMENTS,
        contracts.POLL_PLAY,
    ],
    ids=lambda activity: activity.name,
)
def test_a_host_that_dies_with_an_activity_in_hand_costs_little_over_a_minute(
    hub: Rig, activity: Activity[Any, Any]
) -> None:
    """The visibility timeout; before it was set in host.json, five minutes."""
    begun = threading.Event()
    answer = hub.app.answering(activity)

    def slow(asked: contracts.RunRef) -> Outcome:
        if not begun.is_set():
            begun.set()
            time.sleep(1.5)
        return answer(asked)

    hub.app.script(activity, slow)
    hub.begin()
    assert begun.wait(60)
    hub.kill()
    hub.start()
    assert hub.finish(240).get_output() == {"result": "succeeded"}
