"""Code and message are found in each form in which Azure's services write an error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from clients.azure.arm import ResourceGroups
from clients.azure.error_forms import PLAIN_CHARACTERS, outer_code, read_answer, root_causes
from clients.azure.vault import Vault
from clients.errors import Refused, Transient
from clients.settings import Settings
from tests.clients.conftest import SUBSCRIPTION, Script

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/demo-rg"
XML = "application/xml"
STORAGE = (
    '\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>'
    "Server failed to authenticate the request.\nRequestId:1\nTime:2026-01-01T00:00:00Z</Message>"
    "<AuthenticationErrorDetail>Issuer &amp; audience differ</AuthenticationErrorDetail></Error>"
)
HTML = (
    "<!DOCTYPE html>\n<html><head><title>Access denied</title><style>h1 {color: red}</style></head>"
    "<body><h1>Blocked by the company&#39;s gateway</h1><script>var key = 1;</script></body></html>"
)
FORMS: dict[str, tuple[Any, str, str]] = {
    "Resource Manager": ({"error": {"code": "A", "message": "why"}}, "A", "why"),
    "without its envelope": ({"code": "A", "message": "why"}, "A", "why"),
    "with capitals": ({"Code": "A", "Message": "why"}, "A", "why"),
    "in an envelope with capitals": ({"Error": {"Code": "A", "Message": "why"}}, "A", "why"),
    "only a message": ({"Message": "why"}, "Http400", "why"),
    "the first of two details": (
        {"error": {"code": "A", "message": "no", "details": [{"code": "B", "message": "why"}, {}]}},
        "B",
        "why",
    ),
    "a detail without a code": (
        {"error": {"code": "A", "message": "no", "details": [{"message": "why"}]}},
        "A",
        "why",
    ),
    "details that are texts": ({"error": {"code": "A", "details": ["why"]}}, "A", "why"),
    "a target": (
        {"error": {"code": "A", "message": "why", "target": "/subscriptions/s/vms/vm-1"}},
        "A",
        "vm-1: why",
    ),
    "JSON as the message": (
        {"error": {"code": "A", "message": '{"error": {"code": "B", "message": "why"}}'}},
        "B",
        "why",
    ),
    "OData 3": (
        {"odata.error": {"code": "A", "message": {"lang": "en-US", "value": "why"}}},
        "A",
        "why",
    ),
    "OAuth": ({"error": "invalid_client", "error_description": "why"}, "invalid_client", "why"),
    "OAuth without words": ({"error": "invalid_request"}, "invalid_request", "invalid_request"),
    "an identity endpoint": ({"statusCode": 400, "message": "why"}, "Http400", "why"),
    "an inner error that has the reason": (
        {"error": {"code": "A", "message": "", "innererror": {"code": "B", "message": "why"}}},
        "B",
        "why",
    ),
    "an inner error of an inner error": (
        {"error": {"code": "A", "innerError": {"code": "B", "innererror": {"code": "C"}}}},
        "A",
        "A",
    ),
    "an inner error of Compute": (
        {
            "error": {
                "code": "A",
                "message": "failed",
                "innererror": {"exceptiontype": "B", "errordetail": "why"},
            }
        },
        "B",
        "failed why",
    ),
    "an inner code beside a message": (
        {"error": {"code": "Forbidden", "message": "no", "innererror": {"code": "SecretDisabled"}}},
        "Forbidden",
        "no (SecretDisabled)",
    ),
    "a problem document": (
        {"title": "Forbidden", "status": 403, "detail": "why"},
        "Http400",
        "why",
    ),
    "a problem document with errors by field": (
        {"title": "One or more errors occurred.", "status": 400, "errors": {"sku": ["why", "b"]}},
        "Http400",
        "sku: why",
    ),
    "a form that no service documents": ({"fault": {"reason": "why"}}, "Http400", "why"),
    "a code that is an object": ({"error": {"code": {"id": 1}, "message": ["why"]}}, "", "why"),
    "XML of another service": (
        "<ServiceError><Code>A</Code><Message><![CDATA[why <b> & more]]></Message></ServiceError>",
        "A",
        "why <b> & more",
    ),
    "XML without a code": ('<string xmlns="x">why &amp; how</string>', "Http400", "why & how"),
    "a list of errors": ({"errors": [{"code": "A", "message": "why"}]}, "A", "why"),
    "an operation's end": (
        {"status": "Failed", "error": {"code": "A", "message": "why"}},
        "A",
        "why",
    ),
    "a deployment's end": (
        {"properties": {"error": {"code": "A", "message": "why"}}},
        "A",
        "why",
    ),
    "a number as a code": ({"error": {"code": 400, "message": "why"}}, "Http400", "why"),
    "a text as the error": ({"error": "the reason, in words", "message": "why"}, "", "why"),
    "a text as the error, alone": (
        {"error": "The vault is being moved."},
        "Http400",
        "The vault is being moved.",
    ),
    "an exception of ASP.NET": (
        {
            "message": "An error has occurred.",
            "exceptionMessage": "why",
            "exceptionType": "System.Exception",
        },
        "System.Exception",
        "why",
    ),
    "plain text": ("The gateway is closed.", "Http400", "The gateway is closed."),
    "XML": (STORAGE, "AuthenticationFailed", "Server failed to authenticate the request."),
    "HTML": (HTML, "Http400", "Access denied: Blocked by the company's gateway"),
    "JSON that was cut": ('{"error": {"code": "A", "mess', "Http400", '{"error": {"code": "A"'),
    "nothing": ("", "Http400", "HttpResponseError"),
}


def answer(body: Any, status: int = 400, **headers: str) -> Response:
    if not isinstance(body, str):
        return Response(json.dumps(body), status, headers, mimetype="application/json")
    kind = XML if "<Error" in body else "text/html" if "<html" in body else "text/plain"
    return Response(body.encode(), status, headers, mimetype=kind)


@pytest.mark.parametrize(("body", "code", "words"), FORMS.values(), ids=list(FORMS))
def test_code_and_message_are_found(
    settings: Settings, script: Script, body: Any, code: str, words: str
) -> None:
    script.on("GET", GROUP, answer(body))
    with pytest.raises(Refused) as refused:
        ResourceGroups(settings).get("demo-rg")
    assert code in refused.value.code
    assert words in refused.value.message
    assert "var key" not in refused.value.message
    assert refused.value.message.startswith("resource group demo-rg: ")


def test_a_vaults_inner_code_is_kept_beside_its_code(settings: Settings, script: Script) -> None:
    inner = {"code": "ForbiddenByConnection"}
    body = {"error": {"code": "Forbidden", "message": "no", "innererror": inner}}
    script.on("GET", "/secrets/x/", answer(body, 403))
    with pytest.raises(Refused) as refused:
        Vault(settings).get("x")
    assert (refused.value.code, refused.value.inner) == ("Forbidden", "ForbiddenByConnection")


def test_a_json_answer_that_is_not_json_is_a_refusal_with_its_text(
    settings: Settings, script: Script
) -> None:
    """A proxy may answer so. It would be asked for ever as a broken answer."""
    page = Response("<html><h1>Blocked</h1></html>", 403, mimetype="application/json")
    script.on("GET", GROUP, page)
    with pytest.raises(Refused, match="Blocked"):
        ResourceGroups(settings).get("demo-rg")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, {"error": {"code": "CanceledAndSupersededDueToAnotherOperation"}}),
        (409, {"error": {"code": "ResourcesBeingMoved", "message": "later"}}),
        (400, {"error": {"code": "DeploymentFailed", "details": [{"code": "RetryableError"}]}}),
        (409, {"error": {"code": "RetryableError", "details": [{"code": "SomethingNew"}]}}),
        (409, {"odata.error": {"code": "serverbusy", "message": {"value": "x"}}}),
        (403, {"error": {"code": "Forbidden", "innererror": {"code": "Throttled"}}}),
    ],
)
def test_a_code_that_means_later_is_one_in_every_form(
    settings: Settings, script: Script, status: int, body: Any
) -> None:
    script.on("GET", GROUP, answer(body, status))
    with pytest.raises(Transient):
        ResourceGroups(settings).get("demo-rg")


def test_one_detail_that_somebody_must_change_is_a_refusal(
    settings: Settings, script: Script
) -> None:
    details = [{"code": "RetryableError", "message": "x"}, {"code": "QuotaExceeded"}]
    body = {"error": {"code": "DeploymentFailed", "details": details}}
    script.on("GET", GROUP, answer(body, 409))
    with pytest.raises(Refused):
        ResourceGroups(settings).get("demo-rg")


def test_a_service_that_is_away_says_its_code(settings: Settings, script: Script) -> None:
    script.on(
        "GET",
        GROUP,
        answer({"error": {"code": "Odd", "message": "x"}}, 503, **{"Retry-After": "9"}),
    )
    with pytest.raises(Transient, match="status 503 Odd") as later:
        ResourceGroups(settings).get("demo-rg")
    assert later.value.retry_after == 9


@pytest.mark.parametrize(
    "pause", ["inf", "nan", "1e999", "soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_pause_that_no_clock_has_is_not_taken(
    settings: Settings, script: Script, pause: str
) -> None:
    script.on("GET", GROUP, answer("", 429, **{"Retry-After": pause}))
    with pytest.raises(Transient) as later:
        ResourceGroups(settings).get("demo-rg")
    assert later.value.retry_after in (None, 1.0)


def test_a_header_and_a_challenge_stand_in_for_a_body() -> None:
    assert root_causes(read_answer("", "BlobNotFound")) == [("BlobNotFound", "BlobNotFound", "")]
    challenge = 'Bearer authorization="https://x", error="invalid_token", error_description="old"'
    assert root_causes(read_answer("", "", challenge)) == [("invalid_token", "old", "")]
    told = root_causes(read_answer('{"error": {"code": "A", "message": "b"}}', "Header", challenge))
    assert told == [("A", "b", "")]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "details", "innererror", "target", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_any_document_gives_texts_and_no_error(value: Any) -> None:
    for cause in root_causes(read_answer(json.dumps(value))):
        assert all(isinstance(part, str) for part in cause)
    assert isinstance(outer_code(value), str)


@given(st.text(max_size=300))
def test_any_text_gives_texts_and_no_error(text: str) -> None:
    causes = root_causes(read_answer(text))
    assert not text.strip("\ufeff \t\r\n") or all(
        isinstance(cause.message, str) for cause in causes
    )


def test_an_answer_nested_without_end_is_read_to_a_depth() -> None:
    (found,) = root_causes(read_answer('{"error":' * 5000 + "1" + "}" * 5000))
    assert (found.code, len(found.message)) == ("", PLAIN_CHARACTERS)
    deep: Any = {"code": "A"}
    for _ in range(100):
        deep = {"error": deep}
    assert root_causes(deep) == []


@pytest.mark.parametrize("key", ["error", "properties", "details", "innererror", "Properties"])
def test_no_key_is_followed_without_end(key: str) -> None:
    deep: Any = {"code": "A", "message": "b"}
    for _ in range(5000):
        deep = {key: deep}
    assert root_causes(deep) == []
    assert outer_code(deep) == ""
    text = f'{{"{key}":' * 4000 + "{}" + "}" * 4000
    assert all(isinstance(cause.message, str) for cause in root_causes(read_answer(text)))


def test_an_error_in_properties_is_found() -> None:
    deep = {"properties": {"properties": {"error": {"code": "A", "message": "b"}}}}
    assert [cause.code for cause in root_causes(deep)] == ["A"]
