"""docs/assumptions.md has one form, and names only findings that the doctor has."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "assumptions.md"
PARTS = ["Assumed", "Source", "If wrong", "Find out", "Doctor"]
ENTRY = re.compile(r"^### (A\d+)\. .+$", re.MULTILINE)


def entries() -> dict[str, str]:
    """Id to text, of each entry; two of one id are one fault."""
    pieces = ENTRY.split(PAGE.read_text(encoding="utf-8"))[1:]
    ids, texts = pieces[::2], [text.partition("\n## ")[0] for text in pieces[1::2]]
    assert len(set(ids)) == len(ids), "an id stands twice"
    return dict(zip(ids, texts, strict=True))


def findings() -> set[str]:
    """Names in the doctor's source; `checks` adds some of them by key."""
    sources = [ROOT / "clients", ROOT / "doctor", ROOT / "runs", ROOT / "triggers"]
    text = "".join(path.read_text(encoding="utf-8") for s in sources for path in s.glob("*.py"))
    return set(re.findall(r'Finding\(\s*name="(\w+)"', text)) | set(
        re.findall(r'"(\w+)": (?:Check\(|_controller)', text)
    )


@pytest.mark.parametrize("name", list(entries()))
def test_an_entry_has_its_five_parts(name: str) -> None:
    found = re.findall(r"^- \*\*(.+?):\*\* \S", entries()[name], re.MULTILINE)
    assert found == PARTS


def test_findings_of_the_doctor_exist() -> None:
    known = findings()
    assert {"engine", "versions", "controller"} <= known
    for name, text in entries().items():
        named_text = text.partition("- **Doctor:**")[2].partition("\n")[0]
        named = set(re.findall(r"`(\w+)`", named_text))
        assert named or named_text.strip().startswith("none"), name
        assert named <= known, name


def test_ids_named_elsewhere_exist() -> None:
    known = set(entries())
    for page in [PAGE, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        linked = re.findall(r"\[(A\d+)\]\([^)]*assumptions\.md", text)
        if page == PAGE:
            linked += re.findall(r"\bA(?:\d+)\b", text)
        assert set(linked) <= known, page.name
