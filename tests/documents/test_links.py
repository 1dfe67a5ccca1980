"""Links and paths of the documents lead to files, headings and decisions that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "lab/README.md"]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
# Folders of the repository; a path in a document counts as ours if it begins with one of them.
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
PLACEHOLDERS = re.compile(r"NAME|DIR|VERSION|\*|…")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Label and target of each link inside of the repository."""
    for label, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text_of(page)):
        if not re.match(r"\w+:", target):
            yield label, target


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EACH
def test_every_link_leads_somewhere(page: Path) -> None:
    for _, target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or file.suffix != ".md" or anchor in anchors(file), target


@EACH
def test_a_link_to_a_decision_has_its_number(page: Path) -> None:
    for label, target in links(page):
        number, named = re.search(r"\b(\d{4})-", target), re.search(r"\b\d{4}\b", label)
        assert not (number and named) or number[1] == named[0], f"{label}: {target}"


@EACH
def test_every_path_of_the_repository_exists(page: Path) -> None:
    for code in re.findall(r"`([^`\n]+)`", text_of(page)):
        for word in re.split(r"[\s,:()]+", code):
            path = word.rstrip(".")
            ours = "/" in path and path.partition("/")[0] in FOLDERS
            if ours and re.fullmatch(r"[\w./-]+", path) and not PLACEHOLDERS.search(path):
                assert any((base / path).exists() for base in (ROOT, page.parent)), path


@EACH
def test_every_module_that_a_command_runs_exists(page: Path) -> None:
    for module in re.findall(r"python3? -m ([a-z_.]+)", text_of(page)):
        if module.partition(".")[0] in FOLDERS:
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
