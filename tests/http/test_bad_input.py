"""Requests made from the app's own OpenAPI document, and by hand: no 500, every refusal a problem
document with the field, and nothing created."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis import checks as found_checks
from schemathesis.specs.openapi import checks as api_checks

from cluster.faults import SpecRefusedError
from cluster.spec_rules import parse_spec
from tests.cluster.bodies import BODIES, HEAVY
from tests.cluster.specs import spoiled
from tests.http.conftest import App
from triggers.documents import openapi

API = schemathesis.openapi.from_dict(openapi())
OPERATIONS = [(path, method) for path, item in openapi()["paths"].items() for method in item]
OPEN = {
    "/clusters/{name}/view",
    "/openapi.json",
    "/schema",
    "/sign-in",
    "/view/signed-in",
    "/view/{version}/{module}",
}
# Looking for a session and ending it need none.
SESSION = "/session"
IN_SESSION = [(path, method) for path, method in OPERATIONS if path.startswith(f"{SESSION}/")]
WITH_KEY = [
    (path, method)
    for path, method in OPERATIONS
    if path not in OPEN
    and (path, method) not in IN_SESSION
    and (path != SESSION or method == "post")
]
CHECKS = [
    found_checks.not_a_server_error,
    api_checks.status_code_conformance,
    api_checks.content_type_conformance,
    api_checks.response_schema_conformance,
    api_checks.response_headers_conformance,
]
# Each is a request to a host with a process behind it.
FEW = settings(
    max_examples=max(20, settings.default.max_examples // 3),
    suppress_health_check=list(HealthCheck),
)
YAML, JSON = "application/yaml", "application/json"
PUT = "/api/clusters/demo"


@pytest.fixture(autouse=True)
def nothing_created(app: App) -> Iterator[None]:
    yield
    assert app.created() == {}


def refused(answer: requests.Response, status: int = 400) -> list[dict[str, str]]:
    """A problem document with faults, as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told["faults"]
    assert all(set(f) == {"path", "message", "allowed"} and f["message"] for f in told["faults"])
    return told["faults"]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(
    app: App, path: str, method: str, mode: GenerationMode
) -> None:
    operation = API[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.definition.raw.get("parameters")):
        return  # it takes nothing that could be wrong

    @FEW
    @given(operation.as_strategy(generation_mode=mode))
    def answer(case: schemathesis.Case) -> None:
        if method == "put":
            # A dry run reads, plans, and asks Azure; a good spec would start something.
            case.query = {**(case.query or {}), "plan": "true"}
        got = case.call(base_url=f"{app.url}/api", headers={"x-functions-key": "function-key"})
        if got.status_code == 404 and not got.content:
            return  # the host's: a path that is no route
        case.validate_response(got, checks=CHECKS)

    answer()


@FEW
@given(spoiled())
def test_a_spec_with_a_fault_starts_nothing_and_the_place_is_reported(
    app: App, case: tuple[dict[str, Any], str]
) -> None:
    document, path = case
    faults = refused(app.send("PUT", PUT, json.dumps(document).encode(), content_type=JSON))
    assert any(fault["path"].startswith(path) for fault in faults), faults


WRONG_BODIES = {
    "no JSON": (b"{", JSON),
    "no YAML": (b"a: [", YAML),
    "no object": (b"[]", JSON),
    "text": (b'"name"', JSON),
    "empty": (b"", JSON),
    "empty YAML": (b"", YAML),
    "a key twice": (b'{"etcd": {"count": 1}, "etcd": {"count": 3}}', JSON),
    "a key twice, deep": (b'{"etcd": {"count": 1, "count": 3}}', JSON),
    "a key twice in YAML": (b"etcd: {count: 1}\netcd: {count: 3}", YAML),
    "NaN": (b'{"etcd": {"dataDiskGiB": NaN}}', JSON),
    "infinity": (b'{"etcd": {"dataDiskGiB": 1e999}}', JSON),
    "NaN in YAML": (b"etcd: {dataDiskGiB: .nan}", YAML),
    "a huge number": (b'{"etcd": {"dataDiskGiB": ' + b"9" * 4000 + b"}}", JSON),
    "a number too huge to read": (b'{"etcd": {"dataDiskGiB": ' + b"9" * 9000 + b"}}", JSON),
    "a huge number in YAML": (b"etcd: {dataDiskGiB: 0x" + b"f" * 9000 + b"}", YAML),
    "deep": (b'{"tags":' * 400 + b"1" + b"}" * 400, JSON),
    "very deep": (b"[" * 3000 + b"]" * 3000, JSON),
    "deeper than a reader": (b"[" * 30_000 + b"]" * 30_000, JSON),
    "deep YAML": (b"[" * 2000 + b"]" * 2000, YAML),
    "half a character": (b'{"tags": {"a": "\\ud800"}}', JSON),
    "half a character as a field": (b'{"\\ud800": 1}', JSON),
    "half a character in YAML": (b'tags: {a: "\\ud800"}', YAML),
    "not UTF-8": ('{"name": "démo"}'.encode("latin-1"), JSON),
    "UTF-16": ('{"name": "demo"}'.encode("utf-16"), JSON),
    "a byte order mark": (b'\xef\xbb\xbf{"name": "demo"}', JSON),
    "NUL": (b'{"name": "demo\\u0000"}', JSON),
    "an alias": (b"a: &x [1]\nb: *x", YAML),
    "a Python object": (b"name: !!python/object/apply:os.system [id]", YAML),
    "a date as a key": (b"2001-01-01: x", YAML),
    "a list as a key": (b"? [a]\n: b", YAML),
    "two documents": (b"name: demo\n---\nname: demo", YAML),
    "a tagged number": (b"etcd: {count: !!int '3'}", YAML),
    "a tagged date": (b"name: !!timestamp x", YAML),
    "tagged bytes": (b"name: !!binary ZGVtbw==", YAML),
    "a set": (b"tags: !!set {a}", YAML),
    "a tag of its own": (b"name: !mine demo", YAML),
    "a merge key": (b"etcd: {<<: {count: 3}}", YAML),
    "a number that is none": (b"etcd: {count: 0x_}", YAML),
    "a date that is none": (b"name: 2001-99-99", YAML),
    "control characters": (b"name: \x07", YAML),
}


@pytest.mark.parametrize(("body", "kind"), WRONG_BODIES.values(), ids=list(WRONG_BODIES))
def test_a_body_that_is_not_plain_is_refused(app: App, body: bytes, kind: str) -> None:
    refused(app.send("PUT", PUT, body, content_type=kind))


@FEW
@given(st.binary(max_size=300), st.sampled_from([JSON, YAML, ""]))
def test_any_bytes_are_refused_or_an_object_that_is_a_spec(
    app: App, body: bytes, kind: str
) -> None:
    refused(app.send("PUT", f"{PUT}?plan=true", body, content_type=kind))


@FEW
@given(BODIES, st.sampled_from([JSON, YAML, ""]))
def test_any_body_is_a_plan_or_a_refusal_and_never_a_fault_of_the_app(
    app: App, body: str, kind: str
) -> None:
    answer = app.send("PUT", f"{PUT}?plan=true", body.encode(), content_type=kind)
    assert answer.status_code == 200 or refused(answer)


@pytest.mark.parametrize("name", HEAVY)
def test_the_heaviest_bodies_are_refused(app: App, name: str) -> None:
    for kind in (JSON, YAML):
        refused(app.send("PUT", PUT, HEAVY[name].encode(), content_type=kind))


def test_size_type_and_method_are_refused_with_their_own_codes(app: App) -> None:
    refused(app.send("PUT", PUT, b" " * 65_537, content_type=JSON), 413)
    for kind in ("text/plain", "application/xml", "multipart/form-data", "json", "application/*"):
        refused(app.send("PUT", PUT, b"{}", content_type=kind), 415)
    for method, path in (
        ("POST", PUT),
        ("PATCH", PUT),
        ("DELETE", "/api/clusters"),
        ("TRACE", PUT),
    ):
        assert app.send(method, path, b"{}").status_code == 404
    for path in ("/api/clusters/demo/x", "/api/", "/", "/api/clusters/a/operations/1/2"):
        assert app.send("GET", path).status_code == 404


def test_the_document_says_which_operations_want_no_key() -> None:
    ways = {
        (path, method): o.get("security")
        for path, item in openapi()["paths"].items()
        for method, o in item.items()
    }
    assert {path for (path, _), way in ways.items() if way == []} == {*OPEN, SESSION}
    assert [key for key, way in ways.items() if way is None] == WITH_KEY
    assert [key for key, way in ways.items() if way] == IN_SESSION


@pytest.mark.parametrize(("path", "method"), WITH_KEY)
@pytest.mark.parametrize(
    "key", [None, "", "wrong", "function-keys", "durable-key", "event-key", "é"]
)
def test_nothing_is_answered_without_the_key(
    app: App, path: str, method: str, key: str | None
) -> None:
    path = path.replace("{name}", "demo").replace("{generation}", "1")
    headers = {} if key is None else {"x-functions-key": key.encode()}
    for query in ("", "?code=wrong", "?plan=true"):
        answer = requests.request(
            method, f"{app.url}/api{path}{query}", headers=headers, timeout=30
        )
        assert answer.status_code == 401
        assert not answer.content


@pytest.mark.parametrize(("path", "method"), IN_SESSION)
@pytest.mark.parametrize(
    "cookie", ["", "__Secure-slipway-page=", f"__Secure-slipway-page={'a' * 43}"]
)
def test_a_key_or_an_invented_cookie_is_no_session(
    app: App, path: str, method: str, cookie: str
) -> None:
    headers = {"x-functions-key": "function-key", "cookie": cookie}
    url = f"{app.url}/api{path.replace('{name}', 'demo')}"
    answer = requests.request(method, url, headers=headers, timeout=30)
    assert answer.status_code == 401
    assert "demo" not in answer.text


NAMES = (
    "Demo",
    "a",
    "a" * 25,
    "demo%0a",
    "demo%20",
    "demo%2Fevents",
    "..%2f..%2fetc",
    "demo%252Fevents",
    "d%FFmo",
    "d%C3%A9mo",
    "demo;id",
    "$(id)",
    "{{7*7}}",
)


PARAMETERS = {
    (path, method): {p["name"]: p["schema"] for p in o["parameters"] if p["in"] == "query"}
    for path, item in openapi()["paths"].items()
    for method, o in item.items()
}


@pytest.mark.parametrize(("path", "method"), WITH_KEY)
def test_a_parameter_that_the_document_does_not_know_is_refused_with_those_it_knows(
    app: App, path: str, method: str
) -> None:
    route = "/api" + path.replace("{name}", "demo").replace("{generation}", "1")
    (fault,) = refused(app.send(method, f"{route}?CODE=function-key&pla=true"))
    known = ", ".join(PARAMETERS[path, method]) or "no parameters"
    assert (fault["path"], fault["allowed"]) == ("pla", known)


@pytest.mark.parametrize(
    ("path", "method", "name", "schema"),
    [
        (*key, name, schema)
        for key, names in PARAMETERS.items()
        if key not in IN_SESSION
        for name, schema in names.items()
    ],
)
def test_a_parameter_that_is_repeated_or_empty_is_refused(
    app: App, path: str, method: str, name: str, schema: dict[str, Any]
) -> None:
    route = "/api" + path.replace("{name}", "demo")
    good = schema.get("enum", ["1"])[0]
    for query in (
        f"{name}=",
        name,
        f"{name}={good}&{name}={good}",
        f"{name}={good}&{name.upper()}",
    ):
        answer = app.send(method, f"{route}?{query}", b'{"name": "demo"}', content_type=JSON)
        assert refused(answer)[0]["path"] == name


@FEW
@given(st.text(max_size=20), st.sampled_from(["plan", "Plan", "pl%61n"]))
def test_no_way_to_ask_for_a_dry_run_starts_a_real_one(app: App, value: str, name: str) -> None:
    assume(value not in ("true", "false"))
    query = f"{name}={quote(value, errors='replace')}"
    answer = app.send("PUT", f"{PUT}?{query}", b'{"name": "demo"}', content_type=JSON)
    assert refused(answer)[0]["path"] == "plan"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_url_that_no_cluster_can_have_is_refused(app: App, name: str) -> None:
    for method, end in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/events")):
        answer = app.send(method, f"/api/clusters/{name}{end}", b"{}")
        assert refused(answer)[0]["path"] == "name"


def test_the_strategy_makes_specs_that_the_model_refuses_too() -> None:
    @settings(max_examples=20)
    @given(spoiled())
    def check(case: tuple[dict[str, Any], str]) -> None:
        with pytest.raises(SpecRefusedError):
            parse_spec(case[0], "demo")

    check()
