"""Event Grid: validation, deliveries, batches, keys."""

import json
from typing import Any

from lab.tests.host.rows import BEARER, CLOSE, EVENT_KEY, JSON, KEY, LIMIT, TEXT, Row, chunked, row

HOOK = "/runtime/webhooks/eventgrid?functionName=on_event"
POST = f"POST {HOOK}"
NOBODY = "POST /runtime/webhooks/eventgrid?functionName=nobody"
NOTIFICATION = "aeg-event-type: Notification"
VALIDATION = "aeg-event-type: SubscriptionValidation"
UNSUBSCRIBE = "aeg-event-type: Unsubscribe"
CLOUD_EVENT = "Content-Type: application/cloudevents+json"
BATCH = "Content-Type: application/cloudevents-batch+json"
ORIGIN = "WebHook-Request-Origin: eventgrid.azure.net"
ALLOWED = {"webhook-allowed-origin": "eventgrid.azure.net"}
DELIVERY = (NOTIFICATION, EVENT_KEY, CLOUD_EVENT)
TAKEN = {"status": 202, "ran": ("begin e1", "end e1")}
NO_KEY = {"status": 401, "answer": BEARER}
FAILED = {"status": 500, "answer": TEXT, "text": "Exception while executing function: on_event"}
VALID = {"answer": TEXT, "text": '{"validationResponse":"the-code"}'}
VALIDATION_EVENT = json.dumps(
    [
        {
            "id": "1",
            "topic": "t",
            "subject": "",
            "data": {"validationCode": "the-code", "validationUrl": "https://x"},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": "2026-01-01T00:00:00Z",
            "metadataVersion": "1",
            "dataVersion": "1",
        }
    ]
).encode()


def event(name: str, subject: str = "ok", data: Any = None) -> bytes:
    """A CloudEvent; its subject says what the function does with it."""
    text = json.dumps(_event(name, subject, data), ensure_ascii=False)
    return text.encode()


def batch(**subjects: str) -> bytes:
    return json.dumps([_event(name, subject) for name, subject in subjects.items()]).encode()


def post(
    name: str, *headers: str, to: str = POST, body: bytes | None = None, **expected: Any
) -> Row:
    sent = event("e1") if body is None else body
    return row(name, to, *(headers or DELIVERY), body=sent, **expected)


def unknown(function: str) -> dict[str, Any]:
    return {"status": 404, "answer": TEXT, "text": f"cannot find function: '{function}'"}


def _event(name: str, subject: str, data: Any = None) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/s",
        "type": "t",
        "subject": subject,
        "time": "2026-01-01T00:00:00Z",
        "data": data or {"a": 1},
    }


ROWS = (
    post("notification", **TAKEN),
    post("code", NOTIFICATION, CLOUD_EVENT, to=POST + "&code=event-key", **TAKEN),
    post("master", NOTIFICATION, CLOUD_EVENT, to=POST + "&code=master-key", **TAKEN),
    post("function key", NOTIFICATION, CLOUD_EVENT, to=POST + "&code=function-key", status=403),
    post("durable key", NOTIFICATION, CLOUD_EVENT, "x-functions-key: durable-key", status=403),
    post("no key", NOTIFICATION, CLOUD_EVENT, **NO_KEY),
    post("wrong key", NOTIFICATION, CLOUD_EVENT, to=POST + "&code=wrong", **NO_KEY),
    post(
        "wrong header, good code",
        NOTIFICATION,
        CLOUD_EVENT,
        "x-functions-key: wrong",
        to=POST + "&code=event-key",
        **NO_KEY,
    ),
    post(
        "function key in the header, good code",
        NOTIFICATION,
        CLOUD_EVENT,
        KEY,
        to=POST + "&code=event-key",
        status=403,
    ),
    post("doubled code", NOTIFICATION, CLOUD_EVENT, to=POST + "&code=event-key&code=x", **TAKEN),
    post(
        "function's name in another case",
        to="POST /runtime/webhooks/eventgrid?functionName=On_Event",
        **unknown("On_Event"),
    ),
    post(
        "parameter's name in another case",
        to="POST /runtime/webhooks/eventgrid?FUNCTIONNAME=on_event",
        **TAKEN,
    ),
    post("unknown function", to=NOBODY, **unknown("nobody")),
    post(
        "a function of another kind",
        to="POST /runtime/webhooks/eventgrid?functionName=plain",
        **unknown("plain"),
    ),
    post("no function", to="POST /runtime/webhooks/eventgrid", **unknown("")),
    post("empty function", to="POST /runtime/webhooks/eventgrid?functionName=", **unknown("")),
    post("two functions", to=POST + "&functionName=x", **unknown("on_event,x")),
    post(
        "another case of the path",
        to="POST /Runtime/WebHooks/EventGrid?functionName=on_event",
        **TAKEN,
    ),
    post("slash", to="POST /runtime/webhooks/eventgrid/?functionName=on_event", **TAKEN),
    post("no event type", EVENT_KEY, CLOUD_EVENT, status=400),
    post("unknown event type", EVENT_KEY, CLOUD_EVENT, "aeg-event-type: Other", status=400),
    post(
        "event type in another case",
        EVENT_KEY,
        CLOUD_EVENT,
        "aeg-event-type: notification",
        **TAKEN,
    ),
    post("unsubscribe", EVENT_KEY, UNSUBSCRIBE, status=202),
    row("unsubscribe without body", POST, EVENT_KEY, UNSUBSCRIBE, status=202),
    row("GET", f"GET {HOOK}", EVENT_KEY, NOTIFICATION, status=500),
    row("DELETE", f"DELETE {HOOK}", EVENT_KEY, status=400),
    row("HEAD", f"HEAD {HOOK}", EVENT_KEY, status=400),
    post("validation", EVENT_KEY, VALIDATION, JSON, body=VALIDATION_EVENT, **VALID),
    post(
        "validation, unknown function",
        EVENT_KEY,
        VALIDATION,
        to=NOBODY,
        body=VALIDATION_EVENT,
        **unknown("nobody"),
    ),
    post("validation without key", VALIDATION, body=VALIDATION_EVENT, **NO_KEY),
    post("validation, one object", EVENT_KEY, VALIDATION, body=VALIDATION_EVENT[1:-1], **VALID),
    post("validation without code", EVENT_KEY, VALIDATION, body=b'[{"data": {}}]', status=500),
    post("validation without data", EVENT_KEY, VALIDATION, body=b"[{}]", status=500),
    post("validation, empty list", EVENT_KEY, VALIDATION, body=b"[]", status=500),
    post("validation, bad JSON", EVENT_KEY, VALIDATION, body=b"{", status=500),
    row("validation, no body", POST, EVENT_KEY, VALIDATION, status=500),
    post(
        "validation, cloud event",
        EVENT_KEY,
        VALIDATION,
        CLOUD_EVENT,
        body=event("e1", data={"validationCode": "c2"}),
        answer=TEXT,
        text='{"validationResponse":"c2"}',
    ),
    row("options", f"OPTIONS {HOOK}", EVENT_KEY, ORIGIN, answer=ALLOWED),
    row(
        "options, another origin",
        f"OPTIONS {HOOK}",
        EVENT_KEY,
        "WebHook-Request-Origin: other.test",
        "WebHook-Request-Rate: 10",
        "WebHook-Request-Callback: http://x",
        answer=ALLOWED,
    ),
    row("options without origin", f"OPTIONS {HOOK}", EVENT_KEY, answer=ALLOWED),
    row("options without key", f"OPTIONS {HOOK}", **NO_KEY),
    row(
        "options, unknown function",
        "OPTIONS /runtime/webhooks/eventgrid?functionName=nobody",
        EVENT_KEY,
        ORIGIN,
        **unknown("nobody"),
    ),
    post("bad JSON", body=b"{", status=500),
    row("no body", POST, *DELIVERY, status=500),
    post("a list of texts", NOTIFICATION, EVENT_KEY, BATCH, body=b'["x"]', status=500),
    post("an empty list", NOTIFICATION, EVENT_KEY, BATCH, body=b"[]", status=202),
    post("an empty object", body=b"{}", status=202, ran=("begin None", "end None")),
    post(
        "a batch",
        NOTIFICATION,
        EVENT_KEY,
        BATCH,
        body=batch(b1="ok", b2="ok", b3="ok"),
        status=202,
        ran=("begin b1", "begin b2", "begin b3", "end b1", "end b2", "end b3"),
    ),
    post(
        "a batch at once",
        NOTIFICATION,
        EVENT_KEY,
        BATCH,
        body=batch(m1="meet", m2="meet"),
        status=202,
        ran=("begin m1", "begin m2", "end m1", "end m2"),
    ),
    post(
        "a batch, one raises",
        NOTIFICATION,
        EVENT_KEY,
        BATCH,
        body=batch(b1="raise", b2="ok", b3="ok"),
        **FAILED,
        ran=("begin b1", "begin b2", "begin b3", "end b2", "end b3"),
    ),
    post(
        "a batch without its content type",
        NOTIFICATION,
        EVENT_KEY,
        JSON,
        body=batch(b1="ok"),
        status=202,
        ran=("begin b1", "end b1"),
    ),
    post("raises", body=event("e1", "raise"), **FAILED, ran=("begin e1",)),
    post("no content type", NOTIFICATION, EVENT_KEY, **TAKEN),
    post("UTF-8", body=event("é"), status=202, ran=("begin é", "end é")),
    post(
        "not UTF-8",
        body=event("é").decode().encode("latin-1"),
        status=202,
        ran=("begin �", "end �"),
    ),
    post(
        "chunked",
        *DELIVERY,
        "Transfer-Encoding: chunked",
        body=chunked(event("e1")),
        length=False,
        **TAKEN,
    ),
    post("a NaN", body=event("e1", data={"a": float("nan")}), **TAKEN),
    post("over the limit", body=event("e1", data="a" * LIMIT), status=500, answer=CLOSE),
)
