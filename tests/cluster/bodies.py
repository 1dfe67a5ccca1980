"""Bodies that a stranger may send: fragments of JSON and YAML in any order, and documents of a spec
with one part replaced."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.cluster.specs import TRICKS, documents

# What the readers have rules for: structure, tags, anchors, directives, and scalars of every type.
FRAGMENTS = (
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "- ",
        "? ",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        " ",
        "--- ",
        "...\n",
    ),
    *("!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!!binary ", "!!timestamp ", "!!set "),
    *(
        "!!omap ",
        "!!pairs ",
        "!!seq ",
        "!!map ",
        "!!merge ",
        "!!value ",
        "!!python/name:os.system ",
    ),
    *("! ", "!x ", "!<tag:yaml.org,2002:int> ", "!<> ", "%YAML 1.1\n", "%TAG ! tag:x,1:\n"),
    *(
        "&a ",
        "*a ",
        "<<",
        "=",
        "|\n",
        ">-\n",
        "|9\n",
        "# x\n",
        "''",
        '""',
        "'",
        '"',
        "\\",
        "\\ud800",
    ),
    *("null", "~", "true", "Yes", "off", "NaN", "Infinity", "-Infinity", ".inf", "-.INF", ".nan"),
    *(
        "0",
        "-0",
        "00",
        "08",
        "0x",
        "0x_",
        "0b",
        "0b2",
        "0o8",
        "1_",
        "_1",
        "1__0",
        "+",
        "-",
        ".",
        "-.",
    ),
    *("1e999", "1E-999", "1.e+5", "9" * 70, "0x" + "f" * 70, "1:2", "1:60", "1:2:3.4", ":1", "1:"),
    *("2001-01-01", "2001-13-45", "2001-02-30T25:61:61Z", "0000-00-00", "2001-1-1 1:1:1 +99:99"),
    *(
        "name",
        "etcd",
        "count",
        "workers",
        "tags",
        "demo",
        "\x00",
        "\x07",
        "\x85",
        "\u2028",
        "\ufeff",
    ),
    *("é", "\U0001f600", "\ud7ff", "a" * 300),
)
MIXED = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(TRICKS)
    | st.sampled_from(FRAGMENTS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FRAGMENTS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a document, the whole included."""
    found = [path]
    if isinstance(value, dict):
        found += [place for key in value for place in places(value[key], (*path, key))]
    elif isinstance(value, list):
        found += [place for i, item in enumerate(value) for place in places(item, (*path, i))]
    return found


@st.composite
def replaced(draw: st.DrawFn) -> Any:
    """A valid spec in which one value is any other."""
    document = json.loads(json.dumps(draw(documents())))
    *parents, last = draw(st.sampled_from(places(document)[1:]))
    holder = document
    for part in parents:
        holder = holder[part]
    holder[last] = draw(VALUES)
    return document


def written(value: Any) -> str:
    """As JSON, also with what JSON does not have: NaN, infinity, halves of pairs."""
    return json.dumps(value)


BODIES = MIXED | VALUES.map(written) | replaced().map(written)

# The most that one body may hold, in the ways that cost a reader most.
SIZE = 64 * 1024


def filled(piece: str, opening: str = "", closing: str = "") -> str:
    """The piece as often as a body has room for it."""
    room = (SIZE - len(opening.encode()) - len(closing.encode())) // len(piece.encode())
    return opening + piece * room + closing


def numbered(form: str) -> str:
    """A line for each number, as many as there is room for."""
    text, number = "", 0
    while len(text) + len(line := form.format(number)) <= SIZE:
        text, number = text + line, number + 1
    return text


HEAVY = {
    "open lists": filled("["),
    "open mappings": filled("{"),
    "lists in lists, closed": "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "mappings in JSON": filled('{"a":'),
    "dashes": filled("- "),
    "questions": filled("? "),
    "empty lists": filled("[],", "[", "[]]"),
    "empty mappings": filled("{},", "[", "{}]"),
    "empty values": filled("a,", "{", "a}"),
    "lines": filled("- a\n"),
    "different keys": numbered("k{}: v\n"),
    "different keys in JSON": json.dumps({f"k{n}": 1 for n in range(4900)}),
    "anchors": numbered("- &a{} x\n"),
    "aliases that grow": "a: &a [x]\n" + "b: [*a, *a]\n" * 5000,
    "merge keys": filled("<<: {a: b}\n"),
    "directives": numbered("%TAG !{}! x\n"),
    "a long digit string": filled("9", "a: "),
    "a long digit string in JSON": filled("9", '{"a":', "}"),
    "a long hexadecimal": filled("f", "a: 0x"),
    "a long sexagesimal": filled(":1", "a: 1"),
    "a long fraction": filled("0", "a: 1."),
    "numbers": filled("1,", "[", "1]"),
    "a long text": filled("a", '"', '"'),
    "a text that never ends": filled("a", '"'),
    "escapes": filled("\\x41", '"', '"'),
    "folded lines": filled("a\n", '"', '"'),
    "blanks": filled(" "),
    "line ends": filled("\n"),
    "comments": filled("#\n"),
    "a block of blanks": filled(" \n", "a: |\n"),
    "colons": filled(": "),
    "exclamation marks": filled("!"),
    "quotes": filled("'"),
    "backslashes in quotes": filled("\\", '"'),
    "pools": filled("{},", '{"workers":[', "{}]}"),
    "unknown fields": json.dumps({f"x{n}": {} for n in range(4900)}),
    "unknown fields of pools": json.dumps({"workers": [{f"x{n}": 1 for n in range(4900)}]}),
    "sources": filled('"10.0.0.0/8",', '{"network":{"allowedSources":[', '"1.1.1.1/32"]}}'),
    "the whole internet": (
        '{"network":{"vnetCidr":"0.0.0.0/0"},"workers":['
        + ",".join(f'{{"name":"p{n}"}}' for n in range(16))
        + "]}"
    ),
    "the whole internet, taken": (
        '{"network":{"vnetCidr":"0.0.0.0/0"},"workers":[{"name":"a","subnet":"0.0.0.0/0"},'
        + ",".join(f'{{"name":"p{n}"}}' for n in range(15))
        + "]}"
    ),
    "tags": json.dumps({"tags": {f"k{n}": "v" for n in range(4500)}}),
    "wrong tags": json.dumps({"tags": {f"<{n}": 1 for n in range(4900)}}),
    "wrong labels": json.dumps({"workers": [{"labels": {f"<{n}": 1 for n in range(4000)}}]}),
    "a key of a whole body": filled("k", '{"', '":1}'),
    "a long url": filled("a", '{"packageMirror":"https://', '"}'),
    "a long host": filled("a.", '{"registries":[{"host":"', 'a"}]}'),
    "a long label": filled("a-", '{"workers":[{"name":"a","labels":{"', 'a":"b"}}]}'),
    "a long certificate": filled(
        "A", '{"trustedCertificates":["-----BEGIN CERTIFICATE-----', '"]}'
    ),
}
