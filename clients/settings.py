"""The app's settings, read from the environment once."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

# How long between two looks at the same thing, unless a service asks for more.
POLL_SECONDS = 15.0
PLAY_DEADLINE_SECONDS = 5400


class SettingsError(Exception):
    """A setting is missing or wrong; the text names it and says what it should be."""


@dataclass(frozen=True)
class Settings:
    """Settings of one installation. None of them is a secret but `storage` in the lab, which may
    be a connection string; its repr is hidden."""

    subscription_id: str
    vault_url: str
    storage: str = field(repr=False)
    container: str = "slipway"
    client_id: str = ""
    loopback: str = ""
    allowed_sources: tuple[str, ...] = ()
    slack_secret: str = ""
    profiles: str = ""
    default_artifacts: dict[str, Any] | None = None
    poll_seconds: float = POLL_SECONDS
    play_deadline_seconds: int = PLAY_DEADLINE_SECONDS
    ansible_variables: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Raises SettingsError with the setting's name."""
        env = os.environ if env is None else env
        loopback = env.get("SLIPWAY_LOOPBACK", "")
        if loopback and urlsplit(loopback).hostname not in ("127.0.0.1", "localhost"):
            raise SettingsError("SLIPWAY_LOOPBACK: only http://127.0.0.1:PORT, for the lab")
        return cls(
            subscription_id=_need(env, "SLIPWAY_SUBSCRIPTION_ID", "the subscription to create in"),
            vault_url=_need(env, "SLIPWAY_VAULT_URL", "https://NAME.vault.azure.net").rstrip("/"),
            storage=_need(env, "SLIPWAY_STORAGE", "https://NAME.blob.core.windows.net"),
            container=env.get("SLIPWAY_CONTAINER") or "slipway",
            client_id=env.get("AZURE_CLIENT_ID", ""),
            loopback=loopback.rstrip("/"),
            allowed_sources=tuple(
                part.strip()
                for part in env.get("SLIPWAY_ALLOWED_SOURCES", "").split(",")
                if part.strip()
            ),
            slack_secret=env.get("SLIPWAY_SLACK_SECRET", ""),
            profiles=env.get("SLIPWAY_PROFILES", ""),
            default_artifacts=_object(env, "SLIPWAY_DEFAULT_ARTIFACTS") or None,
            poll_seconds=_number(env, "SLIPWAY_POLL_SECONDS", POLL_SECONDS),
            play_deadline_seconds=int(
                _number(env, "SLIPWAY_PLAY_DEADLINE_SECONDS", PLAY_DEADLINE_SECONDS)
            ),
            ansible_variables=_object(env, "SLIPWAY_ANSIBLE_VARIABLES"),
        )


def _need(env: Mapping[str, str], name: str, what: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise SettingsError(f"the app setting {name} is missing: {what}")
    return value


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "").strip()
    try:
        return float(text) if text else default
    except ValueError:
        raise SettingsError(f"the app setting {name} is not a number") from None


def _object(env: Mapping[str, str], name: str) -> dict[str, Any]:
    text = env.get(name, "").strip()
    try:
        value: Any = json.loads(text) if text else {}
    except ValueError:
        raise SettingsError(f"the app setting {name} is not JSON") from None
    if not isinstance(value, dict):
        raise SettingsError(f"the app setting {name} is not a JSON object")
    return cast(dict[str, Any], value)
