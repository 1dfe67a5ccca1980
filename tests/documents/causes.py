"""Every cause of failure that the code can report, and the table of docs/operations.md.

Usage: .venv/bin/python -m tests.documents.causes, after a cause was added or its next step changed:
writes the table anew. What a code means is written by hand in its row, and kept.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from activities.registration import NEXT as OWN
from cluster.next_steps import OTHERWISE, STEPS
from dev.paths import APP_PACKAGES, ROOT
from orchestrators.calls import SAME_SPEC

NEXT = OWN | STEPS
DOCUMENT = ROOT / "docs" / "operations.md"
HEAD = "| code | what it means | next step, as the operation says it |\n|---|---|---|\n"
ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
NONE = "—"
# A play's cause that says no next step gets it where the run concludes.
CONCLUDES = "orchestrators/steps/run_playbook.py"
PLAY = (CONCLUDES, "activities/poll_play.py")


def causes() -> dict[str, set[str]]:
    """Code to the next steps that it is reported with."""
    found: dict[str, set[str]] = defaultdict(set)
    of_play = next(steps for path, _, codes, steps in _made() if path == CONCLUDES and not codes)
    for path, _, codes, steps in _made():
        for code in codes:
            own = of_play if path in PLAY and steps == {NONE} else steps
            found[code] |= own or {NEXT.get(code, OTHERWISE)}
    for code, step in NEXT.items():
        found[code].add(step)
    return dict(found)


def passed_on() -> set[str]:
    """Files and functions that report the error code of another service."""
    return {f"{path}: {function}" for path, function, codes, _ in _made() if not codes}


def _made() -> Iterator[tuple[str, str, set[str], set[str]]]:
    """File, function, codes and next steps of each place that makes a cause or a refusal. A
    refusal has no step of its own: `activities/registration.py` gives it one."""
    for package in APP_PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            known = _constants(tree)
            for function, call in _calls(tree):
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                if name not in ("Refused", "Cause"):
                    continue
                given = {word.arg: word.value for word in call.keywords}
                code = given.get("code") or (call.args[0] if call.args else None)
                if code is None:
                    continue
                step = given.get("next_step")
                steps = _texts(step, known) if step else {NONE}
                where = str(path.relative_to(ROOT))
                yield where, function, _texts(code, known), steps if name == "Cause" else set()


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for top in tree.body:
        name = getattr(top, "name", "")
        yield from ((name, node) for node in ast.walk(top) if isinstance(node, ast.Call))


def _constants(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[node.targets[0].id] = value.value
    return found


def _texts(node: ast.expr, known: dict[str, str]) -> set[str]:
    """What the expression may be: texts, and with "N" for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return {text} if text else set()
        case ast.Name(id=name):
            return {known[name]} if name in known else set()
        case ast.JoinedStr(values=parts):
            return {"".join(map(_filled, parts))}
        case ast.IfExp(body=body, orelse=orelse):
            return _texts(body, known) | _texts(orelse, known)
        case ast.BoolOp(values=values):
            return {text for value in values for text in _texts(value, known)}
        case _:
            return set()


def _filled(part: ast.expr) -> str:
    """The part of a formatted text. A run says "send the same spec again", a removal "DELETE"."""
    match part:
        case ast.Constant(value=value):
            return str(value)
        case ast.FormattedValue(value=ast.Name(id="again")):
            return SAME_SPEC
        case _:
            return "N"


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Code to its meaning and next steps, as the document has them."""
    _, _, table = text.partition(HEAD)
    return {code: (meaning, step) for code, meaning, step in ROW.findall(table.split("\n\n")[0])}


def written(text: str) -> str:
    """The document with today's table."""
    before, _, after = text.partition(HEAD)
    _, gap, rest = after.partition("\n\n")
    old = rows(text)
    lines = [
        f"| `{code}` | {old.get(code, ('', ''))[0]} | {_steps(steps)} |"
        for code, steps in sorted(causes().items())
    ]
    return before + HEAD + "\n".join(lines) + gap + rest


def _steps(steps: set[str]) -> str:
    return " / ".join(sorted(steps - {NONE})) or NONE


def main() -> None:
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
