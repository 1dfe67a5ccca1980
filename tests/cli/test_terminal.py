"""What a terminal gets: the picture where it can be drawn, plain lines where not."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    KEY,
    OPERATION,
    Conversation,
    Said,
    cluster,
    event,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("terminal", "shown", "missing"),
    [("xterm-256color", "1/1", "run started"), ("dumb", "run started", "1/1")],
)
def test_a_terminal_gets_the_picture_and_a_dumb_one_the_events(
    talk: Conversation, spec: str, terminal: str, shown: str, missing: str
) -> None:
    told = [event(1, "run started"), event(2, "look here", "warning")]
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": told, "next": 2}))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready"))
    main, side = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "cli", "apply", "-f", spec],
        cwd=ROOT,
        env=os.environ | {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY, "TERM": terminal},
        stdout=side,
        check=False,
        timeout=60,
    )
    os.close(side)
    output = os.read(main, 65536).decode()
    os.close(main)
    assert done.returncode == 0
    assert shown in output
    assert missing not in output
    assert "WARNING look here" in output
    assert "shop is ready" in output
