"""Query parameters: repeated, empty, encoded."""

from lab.tests.host.rows import CLOSE, KEY, row, saw

ROWS = (
    row("one", "GET /api/plain?plan=true", KEY, seen=saw("plain", params={"plan": "true"})),
    row(
        "repeated",
        "GET /api/plain?plan=true&plan=false",
        KEY,
        seen=saw("plain", params={"plan": "true,false"}),
    ),
    row(
        "repeated in another case",
        "GET /api/plain?plan=true&PLAN=false",
        KEY,
        seen=saw("plain", params={"PLAN": "true,false"}),
    ),
    row(
        "repeated, one empty",
        "GET /api/plain?plan=true&plan=",
        KEY,
        seen=saw("plain", params={"plan": "true"}),
    ),
    row("repeated, both empty", "GET /api/plain?plan=&plan=", KEY, seen=saw("plain")),
    row("empty", "GET /api/plain?plan=&a=1", KEY, seen=saw("plain", params={"a": "1"})),
    row("no sign", "GET /api/plain?plan&a=1", KEY, seen=saw("plain", params={"a": "1"})),
    row("no name", "GET /api/plain?=1&a=1", KEY, seen=saw("plain", params={"": "1", "a": "1"})),
    row(
        "plus and encoding",
        "GET /api/plain?a=b+c%20d%2B",
        KEY,
        seen=saw("plain", params={"a": "b c d+"}),
    ),
    row("encoded name", "GET /api/plain?%61b=1", KEY, seen=saw("plain", params={"ab": "1"})),
    row(
        "encoded ampersand",
        "GET /api/plain?a=1%262&b=3",
        KEY,
        seen=saw("plain", params={"a": "1&2", "b": "3"}),
    ),
    row("semicolon", "GET /api/plain?a=1;b=2", KEY, seen=saw("plain", params={"a": "1;b=2"})),
    row("equals in the value", "GET /api/plain?a=b=c", KEY, seen=saw("plain", params={"a": "b=c"})),
    row("FF", "GET /api/plain?a=%FF", KEY, seen=saw("plain", params={"a": "%FF"})),
    row("UTF-8", "GET /api/plain?a=%C3%A9", KEY, seen=saw("plain", params={"a": "é"})),
    row("NUL", "GET /api/plain?a=%00", KEY, seen=saw("plain", params={"a": "\u0000"})),
    row("half a percent sign", "GET /api/plain?a=%2", KEY, seen=saw("plain", params={"a": "%2"})),
    row("raw UTF-8", b"GET /api/plain?a=\xc3\xa9", KEY, status=400, answer=CLOSE),
    row(
        "second question mark",
        "GET /api/plain?a=1?b=2",
        KEY,
        seen=saw("plain", params={"a": "1?b=2"}),
    ),
    row("question mark alone", "GET /api/plain?", KEY, seen=saw("plain")),
    row("a space as the value", "GET /api/plain?a=%20", KEY, seen=saw("plain", params={"a": " "})),
)
