"""Deployments have an end, whatever Azure does, and a history of bounded length."""

from typing import Any

import pytest

from cluster.contracts import (
    CANCEL_DEPLOYMENTS,
    POLL_DEPLOYMENTS,
    START_DEPLOYMENT,
    DeploymentsResult,
    FailedPart,
)
from cluster.outcomes import Cause, Outcome
from orchestrators.errors import RunFailedError
from orchestrators.run import HISTORY_EVENTS, PATIENCE
from orchestrators.steps.deploy import (
    LONGEST,
    RESTART_PAUSE,
    RESTARTS,
    deploy_machines,
    deploy_network,
)
from tests.orchestrators.step import Stepping

PARTS = ("network", "controller", "etcd-0")
AWAY = "vault: status 503"


def failing(stepping: Stepping, **state: Any) -> Cause:
    with pytest.raises(RunFailedError) as caught:
        stepping.run(deploy_machines, parts=PARTS, **state)
    return caught.value.cause


def test_a_deployment_that_cannot_be_started_ends_the_run_with_what_was_in_the_way() -> None:
    waiting = Outcome(state="wait", retry_after=15.0, notes=(AWAY,))
    stepping = Stepping(lambda *_: waiting)
    cause = failing(stepping)
    assert (cause.code, cause.place) == ("Timeout", "controller")
    assert AWAY in cause.message
    assert PATIENCE.seconds <= stepping.backend.seconds <= PATIENCE.seconds + 60
    assert stepping.texts.count(AWAY) == 1
    assert stepping.histories > 1


def test_those_that_run_are_waited_for_where_another_cannot_be_started() -> None:
    polls: list[tuple[str, ...]] = []

    def answer(name: str, payload: Any) -> Outcome:
        if name == START_DEPLOYMENT.name:
            waits = payload["part"] == "etcd-0"
            return Outcome(state="wait", notes=(AWAY,)) if waits else Outcome()
        polls.append(tuple(payload["parts"]))
        over = stepping.backend.seconds > PATIENCE.seconds + 300
        return DeploymentsResult(finished=("controller",)) if over else DeploymentsResult()

    stepping = Stepping(answer)
    cause = failing(stepping)
    assert cause.place == "etcd-0"
    assert set(polls) == {("controller",)}
    assert "deployment controller succeeded" in stepping.texts


def test_a_deployment_that_never_ends_is_cancelled_and_fails_after_hours() -> None:
    def answer(name: str, payload: Any) -> Outcome:
        if name == POLL_DEPLOYMENTS.name:
            done = tuple(part for part in payload["parts"] if part == "controller")
            return DeploymentsResult(state="wait", retry_after=15.0, finished=done)
        return Outcome()

    stepping = Stepping(answer)
    cause = failing(stepping)
    assert (cause.code, cause.place) == ("DeploymentTimedOut", "etcd-0")
    assert LONGEST.seconds <= stepping.backend.seconds <= LONGEST.seconds + 60
    cancelled = [
        payload["parts"] for name, payload in stepping.asked if name == CANCEL_DEPLOYMENTS.name
    ]
    assert cancelled == [["etcd-0"]]
    assert stepping.count(START_DEPLOYMENT.name) == 2


def never_ending(*cancels: Outcome) -> Stepping:
    """Deployments that run for ever; answers to the cancels, and the last one for ever."""
    left = list(cancels)

    def answer(name: str, _: Any) -> Outcome:
        if name == CANCEL_DEPLOYMENTS.name:
            return left.pop(0) if len(left) > 1 else left[0]
        if name == POLL_DEPLOYMENTS.name:
            return DeploymentsResult(state="wait", retry_after=15.0)
        return Outcome()

    return Stepping(answer)


def test_a_cancel_that_azure_does_not_take_yet_is_asked_for_again() -> None:
    later = Outcome(state="wait", retry_after=15.0, notes=(AWAY,))
    stepping = never_ending(later, later, Outcome())
    cause = failing(stepping)
    assert stepping.count(CANCEL_DEPLOYMENTS.name) == 3
    assert cause.message.endswith("and was cancelled")
    told = [text for text in stepping.texts if text == AWAY or "was cancelled" in text]
    assert [AWAY in text for text in told] == [True, False, False]


def test_no_deployment_is_called_cancelled_that_was_not() -> None:
    stepping = never_ending(Outcome(state="wait", retry_after=15.0, notes=(AWAY,)))
    cause = failing(stepping)
    most = (LONGEST + PATIENCE).total_seconds()
    assert (cause.code, cause.place) == ("DeploymentTimedOut", "controller")
    assert "could not be cancelled" in cause.message
    assert AWAY in cause.message
    assert "in the portal" in cause.next_step
    assert "was cancelled" not in " ".join(stepping.texts)
    assert most <= stepping.backend.seconds <= most + 120


def test_a_cancel_that_is_refused_is_named_with_its_reason() -> None:
    refused = Cause(code="AuthorizationFailed", message="no right to cancel")
    cause = failing(never_ending(Outcome(state="refused", cause=refused)))
    assert "could not be cancelled: AuthorizationFailed: no right to cancel" in cause.message


def test_a_long_deployment_continues_with_fresh_histories_and_starts_nothing_twice() -> None:
    def answer(name: str, payload: Any) -> Outcome:
        if name == START_DEPLOYMENT.name:
            return Outcome(retry_after=15.0)
        over = stepping.backend.seconds > LONGEST.seconds / 2
        failed = FailedPart(part="etcd-0", cause=Cause(code="SkuNotAvailable", message=""))
        if "etcd-0" in payload["parts"]:
            return DeploymentsResult(state="wait", retry_after=15.0, failed=(failed,))
        return DeploymentsResult(
            state="wait", retry_after=15.0, finished=("controller",) if over else ()
        )

    stepping = Stepping(answer)
    cause = failing(stepping)
    assert cause.code == "SkuNotAvailable"
    assert stepping.histories > 1
    assert stepping.count(START_DEPLOYMENT.name) == 2
    events = 4 * (len(stepping.backend.called) + len(stepping.backend.timers))
    assert events / stepping.histories <= HISTORY_EVENTS + 100


def test_what_one_phase_kept_is_not_taken_for_the_next_ones() -> None:
    def answer(_: str, payload: Any) -> Outcome:
        return DeploymentsResult(finished=tuple(payload.get("parts", ())))

    stepping = Stepping(answer)
    after = stepping.run(deploy_network, parts=PARTS)
    assert after.deploy is None
    started = [payload["part"] for name, payload in stepping.asked if name == START_DEPLOYMENT.name]
    assert started == ["network"]


def passing(part: str, **more: Any) -> DeploymentsResult:
    cause = Cause(code="RetryableError", place=part, message="later")
    return DeploymentsResult(failed=(FailedPart(part=part, cause=cause, later=True),), **more)


def starts(stepping: Stepping, part: str) -> int:
    return sum(
        name == START_DEPLOYMENT.name and payload["part"] == part
        for name, payload in stepping.asked
    )


def test_a_deployment_that_failed_for_what_passes_is_started_again_after_a_pause() -> None:
    polls = [passing("network"), passing("network"), DeploymentsResult(finished=("network",))]
    stepping = Stepping(
        lambda name, _: Outcome() if name == START_DEPLOYMENT.name else polls.pop(0)
    )
    stepping.run(deploy_network, parts=("network",))
    assert starts(stepping, "network") == 3
    assert stepping.backend.seconds >= RESTART_PAUSE.seconds * 3
    told = [text for text in stepping.texts if "started again" in text]
    assert [("(1 of 3)" in text, "(2 of 3)" in text) for text in told] == [
        (True, False),
        (False, True),
    ]
    assert "deployment network succeeded" in stepping.texts


def test_it_is_started_again_a_few_times_only_and_then_the_cause_is_azures() -> None:
    stepping = Stepping(
        lambda name, _: Outcome() if name == START_DEPLOYMENT.name else passing("controller")
    )
    with pytest.raises(RunFailedError) as caught:
        stepping.run(deploy_machines, parts=("network", "controller"))
    assert caught.value.cause.code == "RetryableError"
    assert starts(stepping, "controller") == RESTARTS + 1


def test_a_failure_that_does_not_pass_is_not_started_again() -> None:
    cause = Cause(code="QuotaExceeded", message="")
    failed = DeploymentsResult(failed=(FailedPart(part="controller", cause=cause),))
    stepping = Stepping(lambda name, _: Outcome() if name == START_DEPLOYMENT.name else failed)
    with pytest.raises(RunFailedError):
        stepping.run(deploy_machines, parts=("network", "controller"))
    assert starts(stepping, "controller") == 1


def test_a_start_that_waits_after_a_restart_has_its_whole_time() -> None:
    """The phase began long ago; the part is asked for since its pause."""

    def answer(name: str, payload: Any) -> Outcome:
        if name == START_DEPLOYMENT.name:
            again = starts(stepping, "controller") > 1
            early = stepping.backend.seconds < PATIENCE.seconds + 600
            return Outcome(state="wait", notes=(AWAY,)) if again and early else Outcome()
        if starts(stepping, "controller") == 1:
            late = stepping.backend.seconds > PATIENCE.seconds - 120
            return passing("controller") if late else DeploymentsResult(state="wait")
        return DeploymentsResult(finished=("controller",))

    stepping = Stepping(answer)
    stepping.run(deploy_machines, parts=("network", "controller"))
    assert "deployment controller succeeded" in stepping.texts
