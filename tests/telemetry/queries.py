"""The workbook's and alerts' queries, and the templates that carry them.

Usage: .venv/bin/python -m tests.telemetry.queries, after a change in arm/platform/queries: writes
each query into the variable `queries` of the template that names it.
"""

import json
from pathlib import Path
from typing import Any

PLATFORM = Path(__file__).resolve().parents[2] / "arm" / "platform"
TEMPLATES = ("workbook.json", "alerts.json")


def queries() -> dict[str, str]:
    """Name to text."""
    files = sorted((PLATFORM / "queries").glob("*.kql"))
    return {file.stem: file.read_text(encoding="utf-8").strip() for file in files}


def joined(template: dict[str, Any]) -> dict[str, Any]:
    """The template with today's text of each query that it names."""
    known = queries()
    named = {name: known[name] for name in template["variables"]["queries"]}
    return template | {"variables": template["variables"] | {"queries": named}}


def load(name: str) -> dict[str, Any]:
    return json.loads((PLATFORM / name).read_text(encoding="utf-8"))


def main() -> None:
    for name in TEMPLATES:
        text = json.dumps(joined(load(name)), indent=2, ensure_ascii=False)
        (PLATFORM / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
