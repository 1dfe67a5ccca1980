"""Slack's incoming webhook. Never raises; the URL is a credential and stands in no message or log.

Limits: one message a second with short bursts, 429 with Retry-After; about 10,000 characters a
message, 3,000 a section, 50 blocks. Sources: Slack's rate limits and block reference. A message is
sent at most once: nothing is tried again here, since a lost answer may have been a "yes".
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from clients.time_limit import left
from telemetry.names import SLACK_SPAN
from telemetry.spans import call

TEXT_CHARACTERS = 3000
BLOCKS = 50
SECONDS = 5
DEFAULT_PAUSE = 1.0
HTTP_OK, HTTP_THROTTLED = 200, 429
POST = {"http.request.method": "POST"}
WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/services/[0-9A-Za-z/_-]+")
LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[0-9A-Za-z/_-]*")
# slack_sdk logs the URL at debug level, and failures as errors of its own.
_quiet = logging.getLogger("slipway.slack")
_quiet.disabled = True


@dataclass(frozen=True)
class Posted:
    outcome: Literal["posted"] = "posted"
    retry_after: None = None
    reason: Literal[""] = ""


@dataclass(frozen=True)
class Throttled:
    """Not taken; `retry_after` in seconds."""

    retry_after: float
    outcome: Literal["throttled"] = "throttled"
    reason: Literal[""] = ""


@dataclass(frozen=True)
class Lost:
    """Not taken, or nobody knows."""

    reason: str
    outcome: Literal["lost"] = "lost"
    retry_after: None = None


class SlackWebhook:
    """One webhook. `loopback` admits the lab's sink, and then nothing else."""

    def __init__(self, url: str, *, loopback: bool = False) -> None:
        self._url = url.strip()
        self.valid = (LOOPBACK if loopback else WEBHOOK).fullmatch(self._url) is not None

    def post(
        self, text: str, blocks: Sequence[dict[str, Any]] | None = None
    ) -> Posted | Throttled | Lost:
        """Sends one message; with blocks, the text is what notifications show."""
        if not self.valid:
            return Lost("the secret does not hold a Slack webhook's URL")
        from slack_sdk.webhook import WebhookClient

        client = WebhookClient(self._url, timeout=_patience(), logger=_quiet, retry_handlers=[])
        shown = list(blocks)[:BLOCKS] if blocks else None
        host = urlsplit(self._url).hostname or ""
        try:
            # The path is the credential: the host is all that a span may say.
            with call(SLACK_SPAN, host, {**POST, "url.full": f"https://{host}/"}) as span:
                answer = client.send(text=_cut(text), blocks=shown)
                span.set_attribute("http.response.status_code", answer.status_code)
        except Exception as error:
            return Lost(type(error).__name__)
        if answer.status_code == HTTP_OK:
            return Posted()
        if answer.status_code == HTTP_THROTTLED:
            return Throttled(_seconds(answer.headers))
        return Lost(f"status {answer.status_code}")


def _patience() -> int:
    """Whole seconds, at least one: a message that was claimed is tried, however late it is."""
    return SECONDS if left() >= SECONDS else 1


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"


def _seconds(headers: dict[str, Any]) -> float:
    try:
        return max(DEFAULT_PAUSE, float(headers.get("retry-after", DEFAULT_PAUSE)))
    except ValueError:
        return DEFAULT_PAUSE
