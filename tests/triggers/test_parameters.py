"""Query parameters and bodies as the Functions host hands them over."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.settings import Settings
from cluster.access import AppRole
from triggers import (
    backups,
    clusters,
    controllers,
    forget,
    logs,
    maintenance,
    node_removal,
    node_replacement,
    operation_list,
    page_session,
    problems,
    requests,
    rotation,
)
from triggers.endpoint import endpoint
from triggers.parameters import flag, number, text
from triggers.requests import reply_document

URL = "https://app/api/clusters/demo"


def as_host(query: str, **more: Any) -> func.HttpRequest:
    """Without the parameters, which the host has changed: only the URL says what was sent."""
    body, headers = more.get("body", b""), more.get("headers", {})
    name = more.get("name", "demo")
    return func.HttpRequest(
        "PUT", f"{URL}?{query}", headers=headers, route_params={"name": name}, body=body
    )


@endpoint("plan", "after", "group", needs=AppRole.READER)
def shown(req: func.HttpRequest) -> func.HttpResponse:
    found = {"plan": flag(req, "plan"), "after": number(req, "after"), "group": text(req, "group")}
    return reply_document(found)


def ask(query: str) -> tuple[int, Any]:
    answer = shown(as_host(query))
    return answer.status_code, json.loads(answer.get_body())


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("", (False, 0, "")),
        ("plan=true", (True, 0, "")),
        ("PLAN=true&After=7&group=a%20b", (True, 7, "a b")),
        ("plan=false&code=k&code=&clientId=default&code", (False, 0, "")),
    ],
)
def test_a_parameter_that_stands_once_and_plainly_is_read(
    query: str, read: tuple[bool, int, str]
) -> None:
    assert ask(query) == (200, dict(zip(("plan", "after", "group"), read, strict=True)))


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("plan=", "plan"),
        ("plan", "plan"),
        ("plan=true&plan=false", "plan"),
        ("plan=true&plan=true", "plan"),
        ("plan=true&PLAN=", "plan"),
        ("plan=true,false", "plan"),
        ("plan=1", "plan"),
        ("plan=True", "plan"),
        ("plan=true%20", "plan"),
        ("plan=%FF", "plan"),
        ("plan=true%00", "plan"),
        ("plan=true#", "plan"),
        ("plan=true?x=1", "plan"),
        ("pl%61n=", "plan"),
        ("plan =true", "plan "),
        ("plan[]=true", "plan[]"),
        ("plna=true", "plna"),
        ("=true", ""),
        ("plan=true;after=1", "plan"),
        ("after=-1", "after"),
        ("after=1.0", "after"),
        ("after=0000000001", "after"),
        ("after=%D9%A1", "after"),
        ("group=", "group"),
    ],
)
def test_what_may_mean_something_else_is_refused_by_its_name(query: str, path: str) -> None:
    status, document = ask(query)
    assert (status, document["faults"][0]["path"]) == (400, path)
    assert document["faults"][0]["allowed"]


def test_every_fault_is_reported_at_once_and_an_unknown_name_with_the_known_ones() -> None:
    _, document = ask("dry=1&plan=true&plan=true&group=")
    assert [fault["path"] for fault in document["faults"]] == ["dry", "plan", "group"]
    assert document["faults"][0]["allowed"] == "plan, after, group"


@given(st.lists(st.tuples(st.sampled_from(["plan", "Plan", "after", "x", "code"]), st.text())))
def test_no_query_is_taken_for_a_dry_run_but_the_one_that_says_so(
    pairs: list[tuple[str, str]],
) -> None:
    query = urlencode(pairs, errors="replace")
    sent = [(name.lower(), value) for name, value in pairs if name != "code"]
    status, document = ask(query)
    assert status in (200, 400)
    if status == 200:
        assert document["plan"] is (("plan", "true") in sent)
        assert len({name for name, _ in sent}) == len(sent)
        assert not any(name == "x" for name, _ in sent)


@given(st.text())
def test_any_query_is_read_or_refused(query: str) -> None:
    assert ask(quote(query, safe="=&;+?/", errors="replace"))[0] in (200, 400)
    assert ask(query)[0] in (200, 400)


@pytest.mark.parametrize(
    "query", ["plan=", "plan", "plan=true&plan=false", "plan=yes", "Plan=TRUE"]
)
def test_a_put_starts_nothing_where_the_dry_run_is_asked_for_in_another_way(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a run was started")

    monkeypatch.setattr(clusters, "claim_reconcile", never)
    handler: Any = clusters.put_cluster
    request = as_host(query, body=b'{"name": "demo"}', headers={"content-type": "application/json"})
    assert handler(request, None).status_code == 400


def refusal(request: func.HttpRequest) -> tuple[int, Any]:
    handler: Any = clusters.put_cluster
    answer = handler(request, None)
    return answer.status_code, json.loads(answer.get_body())


def test_a_body_that_was_lost_in_chunks_is_reported_with_what_to_send() -> None:
    status, document = refusal(as_host("", headers={"transfer-encoding": "chunked"}))
    assert status == 411
    assert "Content-Length" in document["detail"]
    assert document["faults"]


def test_chunks_that_did_arrive_are_a_body() -> None:
    headers = {"transfer-encoding": "chunked", "content-type": "application/json"}
    assert requests.document(as_host("", headers=headers, body=b"{}")) == {}


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("application/json,application/json", True),
        ("application/json; charset=utf-8, application/json", True),
        ("application/json,application/yaml", False),
        ("application/json,", False),
    ],
)
def test_a_doubled_content_type_is_taken_where_it_says_the_same(sent: str, *, taken: bool) -> None:
    request = as_host("", headers={"content-type": sent}, body=b"{}")
    if taken:
        assert requests.document(request) == {}
        return
    with pytest.raises(problems.ProblemError) as refused:
        requests.document(request)
    assert refused.value.status == 415


@pytest.mark.parametrize("name", ["a%2Fb", "demo%00", "%64emo", "d\x00mo", "\ud800"])
def test_a_name_that_is_still_encoded_is_refused_with_what_was_received(name: str) -> None:
    status, document = refusal(as_host("", name=name))
    assert (status, document["faults"][0]["path"]) == (400, "name")
    assert ("'%'" in document["faults"][0]["message"]) is ("%" in name)
    assert "a to z" in document["faults"][0]["allowed"]


def test_a_setting_that_is_missing_is_named_by_every_route(
    functions: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        Settings.from_env({"SLIPWAY_VAULT_URL": "http://the-canary"})

    without = {
        "get_schema",
        "get_openapi",
        "get_view",
        "get_view_module",
        "get_sign_in",
        "get_signed_in",
        "get_session",
        "delete_session",
    }
    asked = set()
    modules = (
        backups,
        clusters,
        controllers,
        forget,
        logs,
        maintenance,
        node_removal,
        node_replacement,
        operation_list,
        page_session,
        rotation,
    )
    for module in (*modules, requests):
        monkeypatch.setattr(module, "services", missing)
    for function in functions:
        trigger = function.get_trigger()
        name = function.get_function_name()
        # Without its cookie, a request of the page is refused before a setting is needed.
        in_session = name.endswith("_in_session")
        if (
            type(trigger).__name__ != "HttpTrigger"
            or name in without | {"get_doctor"}
            or in_session
        ):
            continue
        found = [getattr(module, name, None) for module in modules]
        handler: Any = next(filter(None, found))
        sent = {"content-type": "application/json"}
        query = "confirm=demo" if name == "post_forget" else ""
        request = as_host(query, body=b'{"name": "demo"}', headers=sent)
        client = {"client": None} if "client" in handler.__wrapped__.__annotations__ else {}
        answer = handler(req=request, **client)
        document = json.loads(answer.get_body())
        assert answer.status_code == 500, name
        assert "SLIPWAY_SUBSCRIPTION_ID is missing" in document["detail"], name
        assert "own" not in document["detail"]
        assert "the-canary" not in json.dumps(document)
        asked.add(name)
    assert len(asked) == 21
