"""record_events and post_slack: events are written once, messages posted at most once."""

from unittest.mock import patch

from clients.slack import Posted
from cluster.contracts import POST_SLACK, RECORD_EVENTS
from cluster.events import Event, to_line
from tests.activities.world import World


def line(seq: int, text: str) -> str:
    return to_line(Event(seq=seq, time="2026-01-02T03:04:05.678Z", phase="plan", text=text))


def test_a_repeat_at_the_same_position_writes_nothing_twice(world: World) -> None:
    lines = [line(1, "one"), line(2, "two — ünïcode")]
    first, second = world.twice(RECORD_EVENTS, position=0, lines=lines)
    assert first.position == second.position == len("".join(lines).encode())
    third = world.call(RECORD_EVENTS, position=first.position, lines=[line(3, "three")])
    assert third.position > first.position
    texts = [event.text for event in world.services.store.events(world.ref)]
    assert texts == ["one", "two — ünïcode", "three"]


def test_a_message_is_posted_once(world: World) -> None:
    with patch("activities.record_events.SlackWebhook") as webhook:
        webhook.return_value.post.return_value = Posted()
        first, second = world.twice(POST_SLACK, number=1, lines=["hello"])
        assert (first.posted, second.posted) == ("posted", "posted")
        assert webhook.return_value.post.call_count == 1
        world.call(POST_SLACK, number=2, lines=["again"])
        assert webhook.return_value.post.call_count == 2


def test_events_are_appended_after_bytes_that_are_no_text(world: World) -> None:
    blobs, blob = world.services.store.blobs, "clusters/shop/runs/000001/events.jsonl"
    blobs.append_at(blob, 0, b"\xff\xfe\n")
    found = world.call(RECORD_EVENTS, position=0, lines=[line(1, "one")])
    assert found.position == 3 + len(line(1, "one"))
    assert [event.text for event in world.services.store.events(world.ref)][1:] == ["one"]


def test_the_outcome_of_a_message_that_cannot_be_read_is_not_known(world: World) -> None:
    stem = "clusters/shop/runs/000001/slack/00001-0"
    world.services.store.blobs.write(f"{stem}.claimed.json", b"{}")
    world.services.store.blobs.write(f"{stem}.posted.json", b"\xff")
    with patch("activities.record_events.SlackWebhook") as webhook:
        found = world.call(POST_SLACK, number=1, lines=["hello"])
    assert found.posted == "lost"
    assert webhook.return_value.post.call_count == 0
