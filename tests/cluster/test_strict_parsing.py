"""Both readers of bodies: what they accept is plain, what they refuse is a fault, and no body costs
more than it should."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import strict_parsing, strict_yaml
from cluster.faults import SpecRefusedError
from cluster.spec_rules import MAX_FAULTS, parse_spec
from cluster.strict_parsing import (
    MAX_DIGITS,
    MAX_NESTING,
    MAX_VALUES,
    NotPlainError,
    plain_json,
    plain_yaml,
)
from tests.cluster.bodies import BODIES, HEAVY, SIZE

READERS = st.sampled_from([plain_json, plain_yaml])
MANY = 70_000


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict | list)) + max(map(depth, inner), default=0)


def refusal(body: str, reader: Any) -> str:
    """What is wrong with the body; "" if it is a spec. What arrives at the model is JSON."""
    try:
        found = reader(body)
    except NotPlainError as error:
        return str(error)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert depth(found) <= MAX_NESTING
    try:
        parse_spec(found, "demo")
    except SpecRefusedError as error:
        return "\n".join(fault.model_dump_json() for fault in error.faults[: MAX_FAULTS + 2])
    return ""


def read_and_check(body: str, reader: Any) -> None:
    told = refusal(body, reader)
    told.encode()
    assert told.count("\n") <= MAX_FAULTS


@settings(max_examples=150)
@given(BODIES, READERS)
def test_any_body_is_a_spec_or_a_fault(body: str, reader: Any) -> None:
    read_and_check(body, reader)


@pytest.mark.long
@pytest.mark.timeout(7200)
@settings(max_examples=MANY, suppress_health_check=list(HealthCheck))
@given(BODIES, READERS)
def test_many_bodies_are_specs_or_faults(body: str, reader: Any) -> None:
    read_and_check(body, reader)


class Reads:
    """Counts the parser's events: the cost of a YAML body, on any machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events = 0
        original = yaml.parse

        def counted(*args: Any, **kwargs: Any) -> Any:
            for event in original(*args, **kwargs):
                self.events += 1
                yield event

        monkeypatch.setattr(strict_yaml.yaml, "parse", counted)


@pytest.mark.parametrize("body", HEAVY.values(), ids=list(HEAVY))
def test_the_heaviest_bodies_are_read_within_bounds(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(body.encode()) <= SIZE
    reads = Reads(monkeypatch)
    read_and_check(body, plain_yaml)
    # A list or a mapping has two events, a document four.
    assert reads.events <= 2 * MAX_VALUES + 4
    read_and_check(body, plain_json)


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "[{a: "])
def test_nesting_ends_the_reading_at_its_limit(
    opening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    with pytest.raises(NotPlainError, match=f"more than {MAX_NESTING} levels"):
        plain_yaml(opening * 30_000)
    assert reads.events < 4 * MAX_NESTING


def test_the_deepest_and_the_longest_allowed_are_read() -> None:
    deep: Any = "x"
    for _ in range(MAX_NESTING):
        deep = [deep]
    wide = {"a": ["x"] * (MAX_VALUES - 3)}
    for value in (deep, wide, {"n": int("9" * MAX_DIGITS)}):
        assert plain_json(json.dumps(value)) == value
    assert plain_yaml(json.dumps(deep)) == deep
    for value in ([deep], ["x"] * MAX_VALUES, {"n": int("9" * (MAX_DIGITS + 1))}):
        for reader in (plain_json, plain_yaml):
            with pytest.raises(NotPlainError):
                reader(json.dumps(value))


def test_libyaml_reads_the_bodies() -> None:
    """Without it, PyYAML needs a hundred times as long."""
    assert yaml.__with_libyaml__


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1.36", 1.36),
        ("a: yes", True),
        ("a: ~", None),
        ("a: 0x1f", 31),
        ("a: +5", 5),
        ("a: -0", 0),
        ("a: 01.50", 1.5),
        ("a: .5", 0.5),
        ("a: 1.0e+3", 1000.0),
        ("a: '010'", "010"),
        ("a: 2001-01-01", "2001-01-01"),
        ("a: 2001-99-99", "2001-99-99"),
        ("a: '5'", "5"),
        ("a: !!str 5", "5"),
        ("a: !!map {b: c}", {"b": "c"}),
        ("a: !!seq [b]", ["b"]),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: =", "="),
        ("a: &x b", "b"),
    ],
)
def test_yaml_is_read_as_yaml_but_for_dates(text: str, value: Any) -> None:
    assert plain_yaml(text) == {"a": value}
    assert type(plain_yaml(text)["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !!int '5'", "line 1: the tag tag:yaml.org,2002:int"),
        ("a: !!float x", "tag"),
        ("a: !!binary YQ==", "tag"),
        ("a: !!timestamp x", "tag"),
        ("\na: !!set {b}", "line 2: the tag"),
        ("a: !!omap [b: c]", "tag"),
        ("a: !!python/name:os.system x", "tag"),
        ("a: !mine {b: c}", "tag !mine"),
        ("!!map [a]", "tag"),
        ("a: &x [1]\nb: *x", "line 2: YAML aliases"),
        ("<<: {a: b}", "merge keys"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' appears twice"),
        ("1: a", "the key 1 is not a string"),
        ("{[a]: b}", "a key that is a list"),
        ("a: 0x_", "not a number"),
        ("a: 010", "line 1: '010' is not a number to every reader"),
        ("a: -0777", "not a number"),
        ("a: 22:50", "quote it"),
        ("a: 190:20:30.15", "quote it"),
        ("b:\n- 1_000", "line 2: '1_000'"),
        ("a: 1_0.5", "not a number"),
        ("a: 0b11", "not a number"),
        ("a: -0x1f", "not a number"),
        ("a: .inf", "infinite"),
        ("a: b\n---\nc: d", "line 2: a second document"),
        ("a: [", "line 2"),
        ("a: \x07", "control characters"),
    ],
)
def test_what_another_reader_would_read_differently_is_refused_with_its_line(
    text: str, words: str
) -> None:
    with pytest.raises(NotPlainError) as refused:
        plain_yaml(text)
    assert words in str(refused.value)


def test_an_error_does_not_quote_the_body() -> None:
    with pytest.raises(NotPlainError) as refused:
        plain_yaml("password: 'word\n  x")
    assert "word" not in str(refused.value).replace("password", "")
    assert strict_parsing.MAX_NESTING >= 5
