"""docs/operations.md says of causes what the code says, and leaves none out."""

import json
import re

from clients import settings
from orchestrators import journal, run
from orchestrators.steps import deploy
from tests.documents.causes import DOCUMENT, NONE, ROOT, causes, passed_on, rows, written

# Where a code of somebody else's is passed on: ARM's, a service's, a play's.
STRANGERS = {
    "activities/registration.py: cause_of",
    "activities/poll_deployments.py: _cause",
    "orchestrators/steps/run_playbook.py: _conclude",
}
# The group is gone, so nothing is left to do; a refusal that says nothing of itself.
NO_NEXT_STEP = {"GroupDeleted", "Refused"}
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_table_is_what_the_code_says() -> None:
    """Otherwise: .venv/bin/python -m tests.documents.causes"""
    assert set(rows(TEXT)) == set(causes())
    assert written(TEXT) == TEXT


def test_every_cause_has_a_meaning() -> None:
    assert [code for code, (meaning, _) in rows(TEXT).items() if not meaning] == []


def test_every_other_cause_has_a_next_step() -> None:
    """A `Cause` names its own, a refusal gets it from `activities/registration.py`."""
    assert {code for code, (_, step) in rows(TEXT).items() if step == NONE} == NO_NEXT_STEP


def test_codes_are_passed_on_in_known_places_only() -> None:
    """A place of another kind would report codes that the table cannot know."""
    assert passed_on() == STRANGERS


def test_causes_that_faults_name_are_in_the_table() -> None:
    told = set(re.findall(r"\| `([A-Z][A-Za-z]+)`", (ROOT / "docs/faults.md").read_text()))
    assert told - set(rows(TEXT)) == set()
    assert len(told) > 5


def test_limits_are_those_of_the_code() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["durableTask"]
    minutes = settings.NODES_DEADLINE_SECONDS // 60, settings.PLAY_DEADLINE_SECONDS // 60
    assert f"{minutes[0]} and {minutes[1]} minutes" in TEXT
    assert f"| {run.PATIENCE.seconds // 60} minutes |" in TEXT
    assert f"| {deploy.LONGEST.seconds // 3600} hours; then it is cancelled |" in TEXT
    assert f"up to {journal.SLACK_BACKLOG} lines waiting" in TEXT
    assert journal.SLACK_ATTEMPTS == 5
    activities = host["maxConcurrentActivityFunctions"]
    orchestrations = host["maxConcurrentOrchestratorFunctions"]
    assert f"{activities} activities and {orchestrations} orchestrations at once" in TEXT
