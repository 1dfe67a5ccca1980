"""Slack's incoming webhook. Never raises; the URL is a credential and stands in no message.

Limits: one message a second, 429 with Retry-After; about 10,000 characters a message, 3,000 a
section. Source: Slack's rate limits and block reference.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

TEXT_CHARACTERS = 3000
SECONDS = 5
HTTP_OK, HTTP_THROTTLED = 200, 429
WEBHOOK = re.compile(r"https://hooks\.slack(?:-gov)?\.com/services/\S+")


@dataclass(frozen=True)
class Posted:
    """`retry_after` in seconds with `throttled`; `reason` with `lost`."""

    outcome: Literal["posted", "throttled", "lost"]
    retry_after: float | None = None
    reason: str = ""


class SlackWebhook:
    """One webhook. `loopback` admits the lab's sink."""

    def __init__(self, url: str, *, loopback: bool = False) -> None:
        self._url = url.strip()
        local = urlsplit(self._url).hostname == "127.0.0.1"
        self._valid = bool(WEBHOOK.fullmatch(self._url)) or (loopback and local)

    def post(self, text: str) -> Posted:
        """Sends one message."""
        if not self._valid:
            return Posted("lost", reason="the secret does not hold a Slack webhook's URL")
        from slack_sdk.webhook import WebhookClient

        try:
            answer = WebhookClient(self._url, timeout=SECONDS).send(text=text[:TEXT_CHARACTERS])
        except Exception as error:
            return Posted("lost", reason=type(error).__name__)
        if answer.status_code == HTTP_OK:
            return Posted("posted")
        if answer.status_code == HTTP_THROTTLED:
            seconds = str(
                answer.headers.get("retry-after") or answer.headers.get("Retry-After", "1")
            )
            return Posted("throttled", float(seconds) if seconds.isdecimal() else 1.0)
        return Posted("lost", reason=f"status {answer.status_code}")
