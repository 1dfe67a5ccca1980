"""docs/faults.md names tests that exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/faults.md"
LINK = re.compile(r"\[[^]]*\]\([^)]*\)")
PATH = re.compile(r"`([^`]+)`")
# Part of the name of a test.
PART = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


@cache
def files_of_tests() -> dict[str, str]:
    """Returns the text of every file of tests by its path."""
    files = (*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("lab/tests/**/test_*.py"))
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


def named() -> Iterator[tuple[str, str]]:
    """Yields the file or folder, and the cell that names the test, of each row that has tests."""
    column, file = -1, ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            column = -1
        elif column < 0:
            column = next((at for at, cell in enumerate(cells) if cell.startswith("test")), -1)
            found = PATH.search(cells[column])
            file = found[1] if found else ""
        elif column < len(cells) and not set(line) <= set("|- "):
            own = PATH.search(cells[column])
            yield own[1] if own else file, cells[column]


def test_each_fault_names_a_test_that_exists() -> None:
    rows = list(named())
    assert len(rows) > 45
    for path, cell in rows:
        texts = [text for name, text in files_of_tests().items() if path in name]
        assert texts, cell
        for part in PART.findall(PATH.sub("", LINK.sub("", cell))):
            assert any(re.search(rf"^def test_\w*{part}", text, re.M) for text in texts), cell
