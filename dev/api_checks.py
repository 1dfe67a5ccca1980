"""Static checks of the API's OpenAPI document: Redocly's recommended rules and all of Spectral's.

Both come from npm, pinned by the lock file in `dev/api`. A warning fails the check.

Usage: .venv/bin/python -m dev.api_checks from the repository's root.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from dev.npm_tools import Tool, install, run_all
from dev.paths import ROOT

FOLDER = Path(__file__).with_name("api")
TOOLS = (
    Tool(
        "API document (Redocly)",
        "@redocly/cli/bin/cli.js",
        ("lint", "--config", "{root}/dev/api/redocly.yaml", "--max-problems=1000", "{document}"),
    ),
    Tool(
        "API document (Spectral)",
        "@stoplight/spectral-cli/dist/index.js",
        (
            "lint",
            "--ruleset={root}/dev/api/spectral.yaml",
            "--fail-severity=hint",
            "{document}",
        ),
    ),
)


def install_tools() -> Path:
    """Returns the folder of the installed packages."""
    return install(FOLDER, "api-checks")


def run_api_checks(document: dict[str, Any] | None = None) -> list[tuple[bool, str]]:
    """Checks the document, by default the one that the app answers.

    Returns for each tool whether it did not fail, and a line for the summary.
    """
    if document is None:
        from triggers.documents import openapi  # noqa: PLC0415 -- it loads the app's models

        document = openapi()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(document, indent=2), encoding="utf-8")
        places = {"root": str(ROOT), "document": str(file)}
        return run_all(TOOLS, install_tools, places, "dev/api")


if __name__ == "__main__":
    sys.exit(0 if all(line.partition(" passed")[1] for _, line in run_api_checks()) else 1)
