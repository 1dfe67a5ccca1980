"""The states that the list shows are described where users look."""

import re
from pathlib import Path
from typing import get_args

from cluster.record import State
from triggers.documents import openapi

ROOT = Path(__file__).resolve().parents[2]
STATES = (*get_args(State), "pending", "suspended", "unreadable")


def section(document: str, heading: str) -> str:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_list_shows_no_other_states() -> None:
    assert sorted(openapi()["components"]["schemas"]["ClusterState"]["enum"]) == sorted(STATES)


def test_the_operations_guide_has_a_row_for_each_state() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \|", section("operations.md", "States of a cluster"), re.M
    )
    assert sorted(state for state, _ in rows) == sorted(STATES)


def test_the_command_lines_page_names_each_state_that_the_list_shows_by_default() -> None:
    named = set(re.findall(r"`(\w+)`", section("command-line.md", "Use")))
    assert named >= set(STATES) - {"deleted"}


def test_the_openapi_document_says_what_unreadable_means_and_what_to_do() -> None:
    found = openapi()["components"]["schemas"]["ClusterSummary"]["properties"]["state"]
    for part in ("`unreadable`", "500", "UnreadableDocument", "Deploy the version"):
        assert part in found["description"]
