"""The scan passes what it saw and what has a reason, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev import scan
from dev.scan import EXCEPTIONS, TEMPLATES, exceptions, judge

ACCEPTED = {("CKV_1", "platform/app.json"): "It has to be."}


def finding(check: str, file: str) -> dict[str, Any]:
    return {
        "check_id": check,
        "check_name": "Ensure it",
        "file_path": f"/{file}",
        "resource": "x",
        "file_line_range": [7, 9],
    }


def told(*failed: dict[str, Any], passed: int = 1, **results: Any) -> list[str]:
    report = {"results": {"failed_checks": failed, **results}, "summary": {"passed": passed}}
    return judge(json.dumps(report), ACCEPTED)


def test_what_has_a_reason_passes() -> None:
    assert told(finding("CKV_1", "platform/app.json")) == []


def test_what_has_none_fails_with_its_place() -> None:
    accepted = finding("CKV_1", "platform/app.json")
    other = finding("CKV_1", "platform/vault.json")
    assert told(accepted, other) == ["platform/vault.json: CKV_1: Ensure it (x, line 7)"]


def test_a_reason_that_nothing_needs_fails() -> None:
    assert told() == ["platform/app.json: CKV_1 is an exception that nothing needs"]


def test_what_was_not_looked_at_fails() -> None:
    accepted = finding("CKV_1", "platform/app.json")
    assert told(accepted, passed=0) == ["checkov found nothing to look at"]
    assert told(accepted, parsing_errors=["/a.json"]) == ["/a.json could not be read"]
    assert judge("Traceback", {}) == ["checkov gave no report"]
    assert judge("[]", {}) == ["checkov gave no report"]


def test_every_exception_is_of_a_template_and_says_why() -> None:
    for (_, file), why in exceptions(EXCEPTIONS.read_text()).items():
        assert (TEMPLATES / file).is_file()
        assert why.endswith("."), file


def test_a_scan_that_cannot_be_installed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "checkov.txt"
    lock.write_text("nothing-of-this-name==1 --hash=sha256:0\n", encoding="utf-8")
    monkeypatch.setattr(scan, "VENV", tmp_path / "venv")
    monkeypatch.setattr(scan, "LOCK", lock)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    passed, line = scan.run_scan()
    assert passed
    assert line.startswith("template scan NOT RUN")
    assert "nothing-of-this-name" in capsys.readouterr().out
    assert not (tmp_path / "venv" / ".slipway-lock").exists()
