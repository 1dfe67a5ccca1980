from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import api, session
from lab.testing.serving import in_thread
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    KEY,
    OPERATION,
    Conversation,
    Said,
    accepted,
    running,
)
from tests.cli.installation import installed, wheel, with_access  # noqa: F401 -- fixtures


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Conversation]:
    """The API's part, played; a run of `shop` is accepted, and runs until a test says otherwise."""
    found = Conversation()
    found.says("PUT", CLUSTER, accepted())
    found.says("GET", OPERATION, running())
    found.says("GET", EVENTS, Said(200, {"generation": 1, "events": [], "next": 0}))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SLIPWAY_CONTEXT", raising=False)
    monkeypatch.setenv("SLIPWAY_URL", found.url)
    monkeypatch.setenv("SLIPWAY_KEY", KEY)
    monkeypatch.setattr(session, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(api, "LAB_POLL", 0.01)
    with in_thread(found.server):
        yield found


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text("name: shop\netcd: {count: 1}\n", encoding="utf-8")
    return str(path)
