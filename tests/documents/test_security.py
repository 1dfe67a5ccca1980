"""docs/security.md says what the list of items says, item by item, and names tests that exist."""

import re
from pathlib import Path

from tests.kubernetes.benchmark import ITEMS

DOCUMENT = Path(__file__).parents[2] / "docs/security.md"
SECTIONS = {"1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2}
SECTIONS |= {"4.1": 10, "4.2": 14, "4.3": 1}


def rows() -> list[tuple[str, str, str, str]]:
    found = re.findall(
        r"^\| (\d[\d.]+) \| (.+?) \| (.+?) \|(.*?) ?\|$", DOCUMENT.read_text(), re.MULTILINE
    )
    return [(number, what, verdict, why.strip()) for number, what, verdict, why in found]


def test_the_table_is_the_list_that_the_nodes_are_asked_by() -> None:
    assert rows() == [(item.number, item.what, item.verdict, item.why) for item in ITEMS]


def test_no_item_of_the_benchmarks_sections_is_left_out() -> None:
    numbers = [item.number for item in ITEMS]
    assert len(numbers) == len(set(numbers))
    wanted = [f"{name}.{at}" for name, count in SECTIONS.items() for at in range(1, count + 1)]
    assert sorted(numbers) == sorted(wanted)


def test_an_item_that_does_not_pass_says_why() -> None:
    assert [item.number for item in ITEMS if not item.check and not item.why] == []
    assert [item.number for item in ITEMS if bool(item.check) != bool(item.where)] == []


ATTACKS = re.compile(r"^## Attacks and accidents.*?(?=^## )", re.MULTILINE | re.DOTALL)


def attacks() -> list[list[str]]:
    """Returns the cells of each row in the tables of attacks."""
    found = ATTACKS.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found
    lines = (line for line in found[0].splitlines() if line.startswith("| "))
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in rows if row[0] != "attack or accident"]


def test_each_attack_names_what_holds_it_off_and_tests_that_exist() -> None:
    assert len(attacks()) > 40
    for row in attacks():
        attack, means, tests = row
        assert attack, row
        assert means, row
        named = re.findall(r"`([^`]+)`", tests)
        assert named, row
        for path in named:
            file = DOCUMENT.parents[1] / path
            assert file.is_file(), path
            assert re.search(r"^def test_", file.read_text(encoding="utf-8"), re.MULTILINE), path
