"""The static checks of the page's modules find faults, and say where they did not run."""

import shutil
from pathlib import Path

import pytest

from dev import page_checks
from dev.page_checks import CHECKED, TOOLS, install, run_page_checks, run_tool
from dev.paths import ROOT
from lab.testing.machines import npm

FAULTS = {
    "page types": (
        "export function f() { return document.title.lenght; }\n",
        "import { duration } from './times.mjs';\n\nexport const text = duration('5');\n",
        "/** @param {string | null} text */\nexport const length = (text) => text.length;\n",
        "import { nothing } from './times.mjs';\n\nexport const value = nothing;\n",
        "export const untyped = (value) => value;\n",
    ),
    "page lint and format": (
        "export const text = 'single quotes';\n",
        "import { duration } from './times.mjs';\n",
        "export const found = unknown.value;\n",
        "console.log(1);\n",
        "import './main.mjs';\n\nexport { Api } from './api.mjs';\n\nvar old = 1;\n",
        "Promise.resolve(1);\n",
    ),
}


@pytest.fixture(scope="session")
def modules() -> Path:
    return install()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that the checks read."""
    for folder in (*CHECKED, "dev/page"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_modules_pass(tool: page_checks.Tool, modules: Path, copy: Path) -> None:
    assert run_tool(tool, modules, copy)[0]


@pytest.mark.parametrize(
    ("name", "text", "folder"),
    [(name, text, "triggers/page") for name, texts in FAULTS.items() for text in texts]
    + [(name, texts[0], "tests/view/modules") for name, texts in FAULTS.items()],
)
def test_a_fault_is_found(name: str, text: str, folder: str, modules: Path, copy: Path) -> None:
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    (copy / folder / "added.mjs").write_text(text, encoding="utf-8")
    passed, line = run_tool(tool, modules, copy)
    assert not passed
    assert line.startswith(f"{name} FAILED")


def test_checks_that_cannot_be_installed_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise npm.NpmError("no network")

    monkeypatch.setattr(page_checks, "install", refuse)
    assert [passed for passed, _ in run_page_checks()] == [True, True]
    assert all("NOT RUN" in line for _, line in run_page_checks())


def test_fix_formats_the_modules(
    modules: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy / "triggers/page/added.mjs"
    path.write_text("export const text = 'single quotes'\n", encoding="utf-8")
    monkeypatch.setattr(page_checks, "ROOT", copy)
    assert page_checks.main([]) == 1
    assert page_checks.main(["--fix"]) == 0
    assert path.read_text(encoding="utf-8") == 'export const text = "single quotes";\n'
