"""Queries that are nearly those of arm/platform/queries, and wrong: one change each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What stands for something else where it is replaced. Patterns are tried at each place.
SWAPS = {
    "comparison": ((r" == ", " != "), (r" < ", " > "), (r"\bstartswith\b", "!startswith"),
                   (r" in \(", " !in ("), (r"\bisnotempty\b", "isempty"),
                   (r"\bisempty\b", "isnotempty"), (r"\bor\b", "and"), (r"\band\b", "or")),
    "aggregate": ((r"\bmin\(", "max("), (r"(?<!arg_)\bmax\(", "min("), (r"\barg_max\(", "arg_min("),
                  (r"\bsum\(", "avg("), (r"\bmax_of\(", "min_of("), (r"\bdcount\(", "countif("),
                  (r"\bcount\(\)", "dcount(operation)"), (r"\bpercentile\((\w+), 50\)",
                  r"percentile(\1, 5)"), (r"\bpercentile\((\w+), 95\)", r"percentile(\1, 50)")),
    "join": ((r"kind=leftouter", "kind=inner"), (r"kind=inner", "kind=leftouter"),
             (r"kind=leftanti", "kind=inner"), (r"kind=leftanti", "kind=leftsemi")),
    "order": ((r"\bdesc\b", "asc"), (r"\basc\b", "desc")),
    "arithmetic": ((r" \* ", " / "), (r" / ", " * "), (r" \+ ", " - "), (r" - ", " + ")),
    "number": ((r"(?<![\w.\"])(\d+(?:\.\d+)?)(?=[smh]?\b)", r"7\1"),),
    "table": ((r"\bAppEvents\b", "AppDependencies"), (r"\bAppDependencies\b", "AppEvents")),
    "field": ((r'"slipway\.(?!operation)\w+"\]', '"slipway.operation"]'),
              (r'"slipway\.operation"\]', '"slipway.cluster"]')),
    "word": ((r'(?<!\[)"[^"\[\]]+"(?!\])', '"nothing"'),),
}  # fmt: skip
STAGE = re.compile(r"^\| (?:where|summarize|order by|join|extend|project)\b.*$", re.MULTILINE)
KEYS = re.compile(r" by ((?:\w+|bin\(\w+, \w+\))(?:, (?:\w+|bin\(\w+, \w+\)))*)$", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    title: str
    line: int
    text: str


def mutants(text: str) -> Iterator[Mutant]:
    """Each differs from the text, which has no comments."""
    for kind, swaps in SWAPS.items():
        for pattern, other in swaps:
            for found in re.finditer(pattern, text):
                yield _mutant(kind, text, found.span(), found.expand(other))
    for found in STAGE.finditer(text):
        yield _mutant("stage", text, found.span(), "")
    for found in KEYS.finditer(text):
        keys = re.findall(r"bin\([^)]*\)|\w+", found[1])
        for key in keys:
            rest = ", ".join(k for k in keys if k != key)
            yield _mutant("key", text, found.span(), f" by {rest}" if rest else "")


def _mutant(kind: str, text: str, span: tuple[int, int], new: str) -> Mutant:
    start, end = span
    title = f"{kind}: {text[start:end].strip()} -> {new.strip()}"
    return Mutant(title, text.count("\n", 0, start) + 1, text[:start] + new + text[end:])
