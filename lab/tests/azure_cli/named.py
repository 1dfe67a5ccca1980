"""Every `az` command that documents, pipelines and the code's messages name, by their texts."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXTS = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("*.*")),
)
CODE = [
    path
    for part in ("cli", "clients", "doctor", "lab", "triggers")
    for path in (ROOT / part).rglob("*.py")
    # Tests of this search name commands that nobody is to run.
    if "tests" not in path.relative_to(ROOT).parts
]
START = re.compile(r"(?<![\w/.-])az (?=[a-z])")
OPTION = re.compile(r"(?<!\S)--?[a-z]")
# Programs' names for what follows in a sentence, and not a command.
WORDS = re.compile(r"[a-z][a-z-]*(?: [a-z][a-z-]*)*")


@dataclass(frozen=True)
class Named:
    """`text` is the command without its first word, as it is written, on one line."""

    place: str
    text: str

    @property
    def words(self) -> str:
        """The command's own, without arguments."""
        found = WORDS.match(self.text)
        return found[0] if found else ""

    @property
    def mentioned(self) -> bool:
        """Whether it is only named: no options are given."""
        return OPTION.search(self.text) is None


def named_commands() -> list[Named]:
    """Each once, in the order of the files."""
    found: dict[str, Named] = {}
    for path in TEXTS:
        for text in commands_in(path.read_text(encoding="utf-8")):
            found.setdefault(text, Named(str(path.relative_to(ROOT)), text))
    for path in sorted(CODE):
        for literal in literals(path.read_text(encoding="utf-8")):
            for text in commands_in(literal):
                found.setdefault(text, Named(str(path.relative_to(ROOT)), text))
    return list(found.values())


def commands_in(text: str) -> Iterator[str]:
    """A command ends with its line (but for a backslash), or where the quote, bracket or code span
    ends that it stands in."""
    text = re.sub(r"\\\n\s*", " ", text)
    for match in START.finditer(text):
        before = text[match.start() - 1 : match.start()]
        closing = before if before in ("`", "'", '"') else ""
        yield " ".join(_until_end(text[match.end() :], closing).split())


def _until_end(text: str, closing: str) -> str:
    quote, depth = "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter == closing or letter in "`|;" or (letter == "\n" and closing != "`"):
            return text[:at].strip()
        elif letter in "\"'":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if depth < 0:
                return text[:at].strip()
    return text.strip()


def literals(source: str) -> Iterator[str]:
    """Texts of the code, with what is filled in as `{expression}`; docstrings are not shown to
    anybody."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
              for part in node.values}  # fmt: skip
    shown = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
                for part in node.values
                if isinstance(part, ast.Constant | ast.FormattedValue)
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside | shown
        ):
            yield node.value
