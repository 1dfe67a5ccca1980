"""The webhook: sent at most once, and never a word about its URL."""

import json
import logging
import socket
import time
from collections.abc import Callable

import pytest
from werkzeug.wrappers import Request, Response

from clients.slack import Lost, Posted, SlackWebhook, Throttled
from lab.testing.serving import serving

PATH = "/services/T000/B000/hunter2"


class Sink:
    def __init__(self, answer: Callable[[], Response], *, hang_up: bool = False) -> None:
        self.answer, self.hang_up = answer, hang_up
        self.bodies: list[dict[str, object]] = []

    def __call__(self, request: Request) -> Response:
        self.bodies.append(json.loads(request.get_data()))
        if self.hang_up:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return self.answer()


def post(answer: Callable[[], Response], text: str = "hello") -> tuple[object, Sink]:
    sink = Sink(answer)
    with serving(sink) as url:
        return SlackWebhook(f"{url}{PATH}", loopback=True).post(text), sink


def test_a_message_is_posted_to_a_url_with_white_space_around_it() -> None:
    sink = Sink(lambda: Response("ok"))
    with serving(sink) as url:
        assert SlackWebhook(f"{url}{PATH}\n", loopback=True).post("hello") == Posted()
    assert sink.bodies == [{"text": "hello"}]


@pytest.mark.parametrize(("header", "seconds"), [("30", 30), ("0", 1), ("soon", 1), (None, 1)])
def test_throttling_is_reported_with_its_seconds(header: str | None, seconds: float) -> None:
    headers = {"Retry-After": header} if header else {}
    found, sink = post(lambda: Response("rate_limited", 429, headers))
    assert found == Throttled(seconds)
    assert len(sink.bodies) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_another_answer_is_a_lost_message_and_is_not_sent_again(status: int) -> None:
    found, sink = post(lambda: Response("<html>no</html>", status))
    assert found == Lost(f"status {status}")
    assert len(sink.bodies) == 1


def test_a_connection_that_breaks_is_a_lost_message_and_is_not_sent_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="werkzeug")  # the sink's own
    caplog.set_level(logging.DEBUG)
    sink = Sink(lambda: Response("never seen"), hang_up=True)
    with serving(sink) as url:
        address = url
        found = SlackWebhook(f"{url}{PATH}", loopback=True).post("hello")
    assert len(sink.bodies) == 1
    gone = SlackWebhook(f"{address}{PATH}", loopback=True).post("hello")
    for lost in (found, gone):
        assert isinstance(lost, Lost)
        assert "hunter2" not in lost.reason
    assert "hunter2" not in caplog.text


def test_a_slow_sink_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.slack.SECONDS", 0.1)
    found, _ = post(lambda: time.sleep(0.4) or Response("ok"))
    assert isinstance(found, Lost)


def test_a_long_text_is_cut() -> None:
    _, sink = post(lambda: Response("ok"), "x" * 5000)
    assert sink.bodies[0]["text"] == "x" * 2999 + "…"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://hooks.slack.com/services/T/B/hunter2", False),
        ("https://hooks.slack.com.example.org/services/T/B/hunter2", False),
        ("https://hooks.slack.com@example.org/services/T/B/hunter2", False),
        ("https://user:hunter2@hooks.slack.com/services/T/B/x", False),
        ("https://hooks.slack.com/services/../hunter2?x=1", False),
        ("http://127.0.0.1:8080/services/hunter2", False),
        ("http://10.0.0.4:8080/services/hunter2", True),
        ("https://hooks.slack.com/services/T/B/hunter2", True),
        ("file:///hunter2", True),
        ("", False),
    ],
)
def test_only_a_webhook_is_posted_to(url: str, loopback: bool) -> None:
    found = SlackWebhook(url, loopback=loopback).post("hello")
    assert found == Lost("the secret does not hold a Slack webhook's URL")


def test_slacks_own_addresses_are_taken() -> None:
    for host in ("hooks.slack.com", "hooks.slack-gov.com"):
        assert SlackWebhook(f"https://{host}/services/T0/B0/x").valid


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (404, "no_service", "no_service"),
        (410, "channel_is_archived", "channel_is_archived"),
        (403, "action_prohibited\n", "action_prohibited"),
        (400, '{"ok": false, "error": "invalid_blocks"}', "invalid_blocks"),
    ],
)
def test_slacks_own_word_is_kept_beside_the_status(status: int, body: str, word: str) -> None:
    assert post(lambda: Response(body, status))[0] == Lost(f"status {status} {word}")


@pytest.mark.parametrize("body", ["Not Found", "<b>no_service</b>", "a" * 5000, '{"error": 1}', ""])
def test_a_body_that_is_no_word_of_slack_is_dropped(body: str) -> None:
    assert post(lambda: Response(body, 404))[0] == Lost("status 404")


def test_markup_in_a_message_is_shown_and_has_no_effect() -> None:
    hostile = "<!channel> <https://evil.example|click> a & b \x1b[2J\x9b31m \u202eabc\u2028 \x07"
    _, sink = post(lambda: Response("ok"), f"`demo`\n{hostile}")
    (body,) = sink.bodies
    text = str(body["text"])
    assert text.startswith("`demo`\n&lt;!channel&gt; &lt;https://evil.example|click&gt; a &amp; b ")
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_long_message_is_cut_between_escapes() -> None:
    _, sink = post(lambda: Response("ok"), "<" * 5000)
    text = str(sink.bodies[0]["text"])
    assert len(text) <= 3000
    assert text.removesuffix("…").replace("&lt;", "") == ""


@pytest.mark.parametrize("header", ["inf", "nan", "-1", "1e999"])
def test_a_pause_that_no_clock_has_is_a_second(header: str) -> None:
    found, _ = post(lambda: Response("", 429, {"Retry-After": header}))
    assert found == Throttled(1)
