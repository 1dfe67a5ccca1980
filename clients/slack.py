"""Client of Slack's incoming webhooks.

It never raises. The URL is a credential and appears in no message and no log. A message is sent at
most once: it is not sent again if the answer is lost, because Slack may have accepted it.

Limits: one message a second with short bursts, otherwise 429 with Retry-After; about 10,000
characters a message. Source: Slack's rate limits.
"""

import logging
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal
from urllib.parse import urlsplit

from clients.time_limit import left
from cluster.presentable import visible
from telemetry.names import SLACK_SPAN
from telemetry.spans import call

TEXT_CHARACTERS = 3000
SECONDS = 5
DEFAULT_PAUSE = 1.0
HTTP_OK, HTTP_THROTTLED = 200, 429
POST = {"http.request.method": "POST"}
WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/services/[0-9A-Za-z/_-]+")
LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[0-9A-Za-z/_-]*")
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Slack answers with a word as plain text, or in a JSON object.
WORD = re.compile(r'\s*(?:([a-z][a-z0-9_]{1,60})|\{.*"error"\s*:\s*"([a-z0-9_]{1,60})".*\})\s*')
# slack_sdk logs the URL at debug level, and logs failures itself.
_quiet = logging.getLogger("slipway.slack")
_quiet.disabled = True


@dataclass(frozen=True)
class Posted:
    outcome: Literal["posted"] = "posted"
    retry_after: None = None
    reason: Literal[""] = ""


@dataclass(frozen=True)
class Throttled:
    """Slack did not accept the message; `retry_after` in seconds."""

    retry_after: float
    outcome: Literal["throttled"] = "throttled"
    reason: Literal[""] = ""


@dataclass(frozen=True)
class Lost:
    """Slack did not accept the message, or no answer says whether it did."""

    reason: str
    outcome: Literal["lost"] = "lost"
    retry_after: None = None


class SlackWebhook:
    """One webhook. With `loopback`, only URLs of the lab's stand-in are valid."""

    def __init__(self, url: str, *, loopback: bool = False) -> None:
        self._url = url.strip()
        self.valid = (LOOPBACK if loopback else WEBHOOK).fullmatch(self._url) is not None

    def post(self, text: str) -> Posted | Throttled | Lost:
        """Sends one message, cut to 3,000 characters."""
        if not self.valid:
            return Lost("the secret does not hold a Slack webhook's URL")
        from slack_sdk.webhook import WebhookClient

        client = WebhookClient(self._url, timeout=_timeout(), logger=_quiet, retry_handlers=[])
        host = urlsplit(self._url).hostname or ""
        try:
            # The path is the credential, so a span names the host only.
            with call(SLACK_SPAN, host, {**POST, "url.full": f"https://{host}/"}) as span:
                answer = client.send(text=_written(text))
                span.set_attribute("http.response.status_code", answer.status_code)
        except Exception as error:
            return Lost(type(error).__name__)
        if answer.status_code == HTTP_OK:
            return Posted()
        if answer.status_code == HTTP_THROTTLED:
            return Throttled(_seconds(answer.headers))
        return Lost(" ".join(filter(None, (f"status {answer.status_code}", _word(answer.body)))))


def _timeout() -> int:
    """Whole seconds, at least one: a claimed message is sent, however little time is left."""
    return SECONDS if left() >= SECONDS else 1


def _written(text: str) -> str:
    """Returns the text as Slack shows it literally, at most 3,000 characters long.

    Texts come from tags, callers, machines and services: `<!channel>` would notify everybody, and
    `<URL|text>` is a link. Slack documents three characters to escape.
    """
    written, length = "", 0
    for character in visible(text):
        piece = ESCAPES.get(character, character)
        length += len(piece)
        if length >= TEXT_CHARACTERS:
            return written + "…"
        written += piece
    return written


def _word(body: Any) -> str:
    """Returns the word with which Slack names the reason: `channel_is_archived`, `no_service`. A
    gateway's page has none."""
    found = WORD.fullmatch(str(body or "")[:200])
    return (found[1] or found[2]) if found else ""


def _seconds(headers: dict[str, Any]) -> float:
    try:
        seconds = float(headers.get("retry-after", DEFAULT_PAUSE))
    except ValueError:
        return DEFAULT_PAUSE
    return max(DEFAULT_PAUSE, seconds) if isfinite(seconds) else DEFAULT_PAUSE
