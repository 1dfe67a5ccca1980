"""Activity poll_play: reads the play's event stream and its log from the last offsets."""

import base64
from collections.abc import Collection, Iterable
from typing import Any, cast

from activities.bundle import playbook_bundle
from activities.controller_ssh import controller
from activities.play_log import LOG_BYTES, log_blob
from activities.registration import activity
from activities.start_play import play
from clients.services import services
from cluster import names
from cluster.concern import PlayScope
from cluster.contracts import POLL_PLAY, PlayEvent, PollPlayInput, PollPlayResult
from cluster.old_events import stage_of_play
from cluster.outcomes import Cause, cut, tail
from cluster.plan import Plan
from cluster.play_output import failure_lines
from cluster.presentable import counted
from cluster.stages import UPGRADE, UPGRADE_FETCH
from planning.play_scope import end_stages

# The events of one poll become part of the history, where a character outside ASCII takes twice its
# bytes.
EVENT_CHARACTERS = 300
EVENTS_BYTES = 12_000
# Of these, the lines of hosts that did not fail are left out.
TAIL_BYTES = 1_000_000
MESSAGE_CHARACTERS = 1200
NAMES_IN_A_RECAP = 10


@activity(POLL_PLAY)
def poll_play(ref: PollPlayInput) -> PollPlayResult:
    """Reads new events and appends new log text to the run's log blob.

    The log's offset is the position in the blob, so a repeat writes the same bytes only once.
    """
    plan = services().store.need_plan(ref)
    run_id = names.play_run_id(ref.cluster, ref.generation, ref.attempt)
    arguments = ["poll", "--run", run_id, "--events", str(ref.events_offset)]
    arguments += ["--log", str(ref.log_offset), "--limit", str(EVENTS_BYTES)]
    arguments += ["--log-limit", str(LOG_BYTES)]
    with controller(plan) as connection:
        answer = play(connection.ssh, playbook_bundle(), arguments)
    log = base64.b64decode(answer.get("log") or "")
    blob = log_blob(ref)
    if log:
        services().store.blobs.append_at(blob, ref.log_offset, log)
    lines = cast(list[Any], answer.get("events") or [])
    state, more = answer["state"], bool(answer["more"])
    done = state == "finished" and not more
    exit_code = answer.get("exitCode")
    scope = services().store.play_scope(ref) if lines or done else None
    if scope is not None:
        _keep_ended_stages(plan, scope, lines, succeeded=done and exit_code == 0)
    events = play_events(lines, plan.spec.stages if scope is None else scope.running)
    log_offset = int(answer["logOffset"])
    return PollPlayResult(
        # If there is more to read, the next poll follows at once. Otherwise it follows after the
        # configured interval.
        state="done" if done else "wait",
        retry_after=1.0 if more else services().settings.poll_seconds,
        play_state=state,
        exit_code=exit_code,
        events=events,
        events_offset=int(answer["eventsOffset"]),
        log_offset=log_offset,
        cause=_cause(answer, blob, log_offset) if done and exit_code != 0 else None,
    )


def _keep_ended_stages(plan: Plan, scope: PlayScope, lines: list[Any], *, succeeded: bool) -> None:
    """Keeps what the stages did that have ended since the last poll: all, if the play
    succeeded. The versions of an upgrade are read from the nodes instead."""
    stages = [stage for stage in scope.stages if stage not in (UPGRADE_FETCH, UPGRADE)]
    ended: dict[str, tuple[str, ...]] = dict.fromkeys(stages, ()) if succeeded else {}
    for event in map(PlayEvent.model_validate, lines):
        if event.kind == "stage" and event.stage in stages:
            ended[event.stage] = event.failed
    if ended:
        end_stages(plan, ended, scope.stages)


def _cause(answer: dict[str, object], blob: str, end: int) -> Cause:
    start = max(0, end - TAIL_BYTES)
    text = services().store.blobs.read_range(blob, start, end - start) if end else b""
    return Cause(
        code="PlayTimedOut" if answer.get("timedOut") else "PlayFailed",
        message="the playbook ran beyond its deadline and was ended"
        if answer.get("timedOut")
        else "",
        log_tail=tail(failure_lines(text.decode(errors="replace"))),
    )


def play_events(lines: Iterable[Any], stages: Collection[str]) -> tuple[PlayEvent, ...]:
    """Returns the play's events that concern a run of these stages.

    Ansible also announces the plays and the tasks of stages that it skips. The ends of stages are
    not a reader's matter.
    """
    found = (_event(PlayEvent.model_validate(line)) for line in lines)
    return tuple(
        event
        for event in found
        if event.kind != "stage" and (event.kind not in ("play", "task") or event.stage in stages)
    )


def _event(event: PlayEvent) -> PlayEvent:
    """Cuts the event to what the history can carry. A play that an older version started has no
    stages."""
    if event.kind == "recap":
        return event.model_copy(update={"message": recap(event.stats), "stats": {}})
    limit = MESSAGE_CHARACTERS if event.kind in ("failed", "unreachable") else EVENT_CHARACTERS
    short = {
        "message": cut(event.message, limit),
        "play": cut(event.play, EVENT_CHARACTERS),
        "task": cut(event.task, EVENT_CHARACTERS),
        "stage": cut(event.stage or stage_of_play(event.play), EVENT_CHARACTERS),
    }
    return event.model_copy(update=short)


def recap(stats: dict[str, dict[str, int]]) -> str:
    """Returns the totals over all hosts, and the names of the first hosts that failed."""
    totals = {
        key: sum(host.get(key, 0) for host in stats.values())
        for key in ("ok", "changed", "failures", "dark")
    }
    bad = [name for name, host in stats.items() if host.get("failures") or host.get("dark")]
    text = (
        f"{counted(len(stats), 'host')}, ok={totals['ok']} changed={totals['changed']} "
        f"failed={totals['failures']} unreachable={totals['dark']}"
    )
    return text + (f" ({', '.join(sorted(bad)[:NAMES_IN_A_RECAP])})" if bad else "")
