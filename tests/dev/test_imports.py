"""The product's tests use the lab through one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

from dev.paths import ROOT

DOOR = ("lab.testing", "lab.simulation")


def lab_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "lab")


def test_tests_of_the_product_import_only_what_the_lab_offers_to_tests() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "tests").rglob("*.py")
        for module in lab_modules(path)
        if not module.startswith(DOOR)
    }
    assert not found
