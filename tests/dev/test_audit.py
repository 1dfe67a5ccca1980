"""The audit passes only what a vulnerability service looked at."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev.audit import judge, run_audit


def told(*dependencies: dict[str, Any]) -> tuple[bool, str]:
    return judge(json.dumps({"dependencies": list(dependencies), "fixes": []}))


GOOD = {"name": "a", "version": "1", "vulns": []}


def test_all_known_and_none_vulnerable_passes() -> None:
    assert told(GOOD) == (True, "passed")


def test_a_vulnerability_fails_with_the_version_that_fixes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    assert told(GOOD, bad) == (False, "FAILED (b)")
    assert "b 2: CVE-1, fixed in 3" in capsys.readouterr().out


@pytest.mark.parametrize("skipped", [True, False])
def test_what_nobody_looked_at_is_not_passed(skipped: bool) -> None:
    dependencies = [GOOD, {"name": "c", "skip_reason": "not found"}] if skipped else []
    assert told(*dependencies)[1].startswith("NOT RUN")


def test_a_service_that_cannot_be_reached_is_reported(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho no network >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    passed, line = run_audit(tmp_path)
    assert passed
    assert line == "dependency audit NOT RUN (the vulnerability service cannot be reached)"
