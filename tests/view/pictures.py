"""The pictures in docs/images, made from simulated runs, the same way every time.

Usage: .venv/bin/python -m tests.view.pictures [DIR] (default docs/images), from the repository's
root. Orchestrators, API and page are the app's own; Azure, machines, clock and the play are
simulated.
"""

import base64
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.view.browser import Page, browser
from tests.view.png import shrink
from tests.view.runs import KEY, LARGE, SMALL, Runs, runs

WIDTH = 1040
# Of the terminal: columns, and the picture's width in points.
COLUMNS, TERMINAL = 92, 760
TERMINAL_PAGE = (
    "<!doctype html><meta charset=utf-8><title>terminal</title><body style='margin:0;"
    "background:#0c0c0c;color:#d9d9d9'><pre id=page style='margin:16px;font:14px/1.35 "
    '"Liberation Mono",monospace\'>{code}</pre>'
)
MESSAGE = (
    "Unable to start service containerd: Job for containerd.service failed because the control "
    "process exited with error code."
)
SHOWN = "!document.getElementById('page').hidden"


def take(page: Page, path: Path, height: int = 0, width: int = WIDTH) -> None:
    """Saves the whole page, or its upper part of that height; the window becomes as high."""
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    for wanted in (1600, 0):  # the list of events is as high as a high window allows
        whole = page.run("return document.documentElement.scrollHeight")
        page.size(width, height or wanted or whole)
        time.sleep(0.5)  # for the next frames
    found = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(shrink(base64.b64decode(found["data"])))
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": False})
    page.size(WIDTH, 900)


def going_on(found: Runs) -> None:
    found.advance(430)


def broken(found: Runs) -> None:
    found.made.fleet.play = replace(found.made.fleet.play, failing=1)
    with patch("lab.simulation.play.MESSAGE", MESSAGE):
        found.advance()


def early(found: Runs) -> None:
    found.advance(440)


PICTURES: tuple[tuple[str, str, Callable[[Runs], None], bool, int], ...] = (
    ("view-running-light", "light", going_on, False, 0),
    ("view-failed-dark", "dark", broken, False, 0),
    ("view-thousand-dark", "dark", early, True, 0),
)


def terminal(page: Page, found: Runs, path: Path) -> None:
    """Saves what `slipway get demo` prints on a terminal with colours."""
    environment = dict(os.environ) | {
        "SLIPWAY_URL": found.url, "SLIPWAY_KEY": KEY, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
    }  # fmt: skip
    name = found.made.scenario.cluster
    done = subprocess.run(
        [sys.executable, "-m", "cli", "get", name],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ slipway get {name}", "bold"))
    console.print(Text.from_ansi(done.stdout), soft_wrap=True)
    code = console.export_html(theme=MONOKAI, inline_styles=True, code_format="{code}")
    page.open(f"data:text/html;charset=utf-8,{quote(TERMINAL_PAGE.format(code=code))}")
    height = page.run("return document.getElementById('page').offsetHeight") + 32
    take(page, path, height, TERMINAL)


def main(folder: Path) -> int:
    with browser() as driver:
        page = Page(driver)
        for name, scheme, bring, large, height in PICTURES:
            with runs(LARGE if large else SMALL) as found:
                bring(found)
                page.media(prefers_color_scheme=scheme)
                page.size(WIDTH, 900)
                page.open(found.page)
                page.enter(KEY)
                page.until(SHOWN)
                take(page, folder / f"{name}.png", height)
                sys.stdout.write(f"{folder / name}.png\n")
        with runs(SMALL) as found:
            found.advance()
            terminal(page, found, folder / "terminal.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")))
