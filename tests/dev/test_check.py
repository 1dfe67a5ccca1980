"""The test command: everything runs, any failure fails the whole, pytest has the last line."""

import subprocess
import sys
from pathlib import Path

import pytest

from dev import api_checks, check, page_checks, scan
from dev.__main__ import main
from dev.check import Check
from dev.check_summary import azure_cli, conformance, engines, full_cluster
from dev.paths import ROOT

type Output = pytest.CaptureFixture[str]
# The file is elsewhere; the configuration is the project's.
OURS = ("-c", str(ROOT / "pyproject.toml"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Checks that are small programs: `good`, `bad`; pytest itself is the real one."""
    for name, code in (("good", 0), ("bad", 1), ("pip-audit", 1)):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setattr(check, "BIN", tmp_path)
    monkeypatch.setattr(check, "is_root", lambda: True)
    monkeypatch.setattr(scan, "run_scan", lambda: (True, "template scan passed in 1 s"))
    monkeypatch.setattr(page_checks, "run_page_checks", list)
    monkeypatch.setattr(api_checks, "run_api_checks", list)
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\ndef test_short(): ...\n\n@pytest.mark.long\ndef test_long(): ...\n",
        encoding="utf-8",
    )
    return tmp_path


def test_success_ends_with_pytests_own_line(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", (Check("one", ("good",)),))
    assert main(["test", *OURS, str(programs / "test_one.py")]) == 0
    lines = capfd.readouterr().out.strip().splitlines()
    assert lines[-9].startswith("one passed in")
    assert lines[-8].startswith("template scan passed")
    assert lines[-7].startswith("dependency audit NOT RUN")
    assert lines[-6].startswith("Azure's published types NOT RUN")
    assert lines[-5].startswith("Microsoft's command line NOT RUN")
    assert lines[-4].startswith("engines: memory NOT RUN (its tests were left out)")
    assert lines[-2].startswith("Kubernetes' own suite NOT RUN")
    assert lines[-1].startswith("1 passed, 1 deselected")


def test_all_runs_the_long_ones_too(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    assert main(["test", "--all", *OURS, str(programs / "test_one.py")]) == 0
    assert capfd.readouterr().out.strip().splitlines()[-1].startswith("2 passed")


def test_a_failed_check_fails_the_whole_after_the_rest_has_run(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    checks = (Check("one", ("bad",)), Check("two", ("good",)))
    monkeypatch.setattr(check, "CHECKS", checks)
    assert main(["test", *OURS, str(programs / "test_one.py")]) == 1
    lines = capfd.readouterr().out.strip().splitlines()
    summary = [line.partition(" in ")[0] for line in (*lines[-10:-8], lines[-1])]
    assert summary == ["one FAILED", "two passed", "1 passed, 1 deselected"]
    assert lines[-3].startswith("full cluster NOT RUN")


def test_a_failed_scan_fails_the_whole(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    monkeypatch.setattr(scan, "run_scan", lambda: (False, "template scan FAILED in 1 s"))
    assert main(["test", *OURS, str(programs / "test_one.py")]) == 1
    assert "template scan FAILED" in capfd.readouterr().out


def test_a_failed_check_of_the_page_fails_the_whole(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    monkeypatch.setattr(page_checks, "run_page_checks", lambda: [(False, "page types FAILED")])
    assert main(["test", *OURS, str(programs / "test_one.py")]) == 1
    assert "page types FAILED" in capfd.readouterr().out


def test_the_command_line_ran_only_where_a_command_did() -> None:
    assert "RAN (3 checks" in azure_cli({"ran": 3, "described": 1})
    assert "NOT RUN" in azure_cli({"described": 1})


def test_the_full_cluster_ran_only_where_its_tests_did() -> None:
    ours = ["tests/kubernetes/test_cluster.py::test_one", "tests/cluster/test_spec.py::test_two"]
    assert full_cluster(ours) == "full cluster RAN (1 tests)"
    assert full_cluster(ours[1:]).startswith("full cluster NOT RUN")


def test_the_summary_names_each_engine_with_what_ran_on_it() -> None:
    line = engines({"memory": 9, "azure-storage": 7}, {}, {"azure-storage": 2})
    assert line == (
        "engines: memory RAN (9 tests), azure-storage RAN (7 tests; 2 long ones with --all)"
    )
    line = engines({"memory": 9}, {"azure-storage": "Skipped: no functions-host"}, {})
    assert line == "engines: memory RAN (9 tests), azure-storage NOT RUN (no functions-host)"


def test_the_engine_of_a_test_is_read_from_its_parameter(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    (programs / "test_one.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture(params=['memory', 'azure-storage'])\n"
        "def engine_name(request):\n"
        "    if request.param != 'memory': pytest.skip('not at hand')\n\n"
        "def test_short(engine_name): ...\n\n"
        "@pytest.mark.long\ndef test_long(engine_name): ...\n",
        encoding="utf-8",
    )
    assert main(["test", *OURS, str(programs / "test_one.py")]) == 0
    line = next(x for x in capfd.readouterr().out.splitlines() if x.startswith("engines: "))
    assert line == (
        "engines: memory RAN (1 tests; 1 long ones with --all), azure-storage NOT RUN (not at hand)"
    )


def test_a_failed_test_fails_the_whole(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    assert main(["test", *OURS, str(programs / "test_one.py"), "-k", "no_such_test"]) == 1
    assert capfd.readouterr().out.strip().splitlines()[-1].startswith("2 deselected")


def test_pyright_runs_on_what_the_lock_brought(tmp_path: Path) -> None:
    """No node on PATH, no home to keep downloads in, and no network by a proxy that is not."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--version"],
        env={
            "PATH": "/nowhere",
            "HOME": str(tmp_path),
            "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
            "https_proxy": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pyright ")
    assert not any(tmp_path.iterdir())


def test_kubernetes_own_suite_ran_only_where_specs_passed() -> None:
    assert conformance(["7"]) == "Kubernetes' own suite RAN (7 specs)"
    assert conformance([]).startswith("Kubernetes' own suite NOT RUN (it needs --all --artifacts")
