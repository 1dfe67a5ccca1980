"""Paths: case, slashes, dots, encodings."""

from lab.tests.host.rows import CLOSE, KEY, row, saw

THING_A = "http://front.test/api/things/a"

ROWS = (
    row("another case", "GET /API/Things/A", KEY, seen=saw("named", name="A")),
    row(
        "a route's literal in another case",
        "GET /api/things/a/operations/1",
        KEY,
        seen=saw("numbered", name="a", number="1"),
    ),
    row("the route's prefix alone", "GET /api", KEY, status=404),
    row("the route's prefix and a slash", "GET /api/", KEY, status=404),
    row("no prefix", "GET /things/a", KEY, status=404),
    row("slash at the end", "GET /api/things/a/", KEY, seen=saw("named", name="a")),
    row("two slashes at the end", "GET /api/things/a//", KEY, status=404),
    row("two slashes in front", "GET //api/things/a", KEY, status=404),
    row("two slashes after the prefix", "GET /api//things/a", KEY, status=404),
    row("two slashes in the middle", "GET /api/things//a", KEY, status=404),
    row("an empty name before events", "GET /api/things//events", KEY, status=404),
    row("dots", "GET /api/x/../things/a", KEY, seen=saw("named", url=THING_A, name="a")),
    row("a dot", "GET /api/./things/./a", KEY, seen=saw("named", url=THING_A, name="a")),
    row(
        "dots above the root",
        "GET /../../api/things/a",
        KEY,
        seen=saw("named", url=THING_A, name="a"),
    ),
    row("dots at the end", "GET /api/things/a/..", KEY, status=404),
    row(
        "encoded dots", "GET /api/x/%2e%2e/things/a", KEY, seen=saw("named", url=THING_A, name="a")
    ),
    row(
        "encoded dots, mixed",
        "GET /api/x/.%2E/things/a",
        KEY,
        seen=saw("named", url=THING_A, name="a"),
    ),
    row("encoded dots as the name", "GET /api/things/%2e%2e", KEY, status=404),
    row("encoded dot as the name", "GET /api/things/%2e", KEY, status=404),
    row("encoded slash", "GET /api/things/a%2Fb", KEY, seen=saw("named", name="a%2Fb")),
    row(
        "encoded slash, small",
        "GET /api/things/a%2fevents",
        KEY,
        seen=saw("named", name="a%2fevents"),
    ),
    row(
        "encoded slash and more",
        "GET /api/things/a%2Fb%20c/events",
        KEY,
        seen=saw("named_events", name="a%2Fb c"),
    ),
    row("encoded backslash", "GET /api/things/a%5Cb", KEY, seen=saw("named", name="a\\b")),
    row(
        "backslash",
        "GET /api/things/a\\b",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a%5Cb", name="a\\b"),
    ),
    row(
        "encoded letters of a literal",
        "GET /%61pi/thing%73/a",
        KEY,
        seen=saw("named", url=THING_A, name="a"),
    ),
    row(
        "encoded letter of the name",
        "GET /api/things/%61",
        KEY,
        seen=saw("named", url=THING_A, name="a"),
    ),
    row("encoded space", "GET /api/things/a%20b", KEY, seen=saw("named", name="a b")),
    row("plus", "GET /api/things/a+b", KEY, seen=saw("named", name="a+b")),
    row(
        "encoded percent",
        "GET /api/things/a%252Fb",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a%2Fb", name="a%2Fb"),
    ),
    row("encoded UTF-8", "GET /api/things/%C3%A9", KEY, seen=saw("named", name="é")),
    row("encoded Latin-1", "GET /api/things/%E9", KEY, seen=saw("named", name="%E9")),
    row("FF", "GET /api/things/%FF", KEY, seen=saw("named", name="%FF")),
    row("NUL", "GET /api/things/a%00b", KEY, status=400, answer=CLOSE),
    row("line end", "GET /api/things/a%0Ab", KEY, seen=saw("named", name="a\nb")),
    row(
        "half a percent sign",
        "GET /api/things/a%2",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a%252", name="a%2"),
    ),
    row(
        "percent sign and no digits",
        "GET /api/things/a%zz",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a%25zz", name="a%zz"),
    ),
    row(
        "percent sign alone",
        "GET /api/things/%",
        KEY,
        seen=saw("named", url="http://front.test/api/things/%25", name="%"),
    ),
    row("raw UTF-8", b"GET /api/things/\xc3\xa9", KEY, status=400, answer=CLOSE),
    row("raw Latin-1", b"GET /api/things/\xe9", KEY, status=400, answer=CLOSE),
    row("raw NUL", b"GET /api/things/a\x00b", KEY, status=400, answer=CLOSE),
    row("semicolon", "GET /api/things/a;b=c", KEY, seen=saw("named", name="a;b=c")),
    row(
        "quote and braces",
        'GET /api/things/{a}|"^`<>',
        KEY,
        seen=saw(
            "named", url="http://front.test/api/things/%7Ba%7D%7C%22%5E%60%3C%3E", name='{a}|"^`<>'
        ),
    ),
    row("an absolute form", "GET http://other.test/api/things/a", KEY, status=400, answer=CLOSE),
    row(
        "an absolute form, host the same",
        "GET http://front.test/api/things/a?x=1",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a?x=1", params={"x": "1"}, name="a"),
    ),
    row("no slash", "GET api/things/a", KEY, status=400, answer=CLOSE),
    row(
        "a fragment",
        "GET /api/things/a#b",
        KEY,
        seen=saw("named", url="http://front.test/api/things/a%23b", name="a#b"),
    ),
    row("a route by default", "GET /api/unrouted", seen=saw("unrouted")),
    row("more segments than any route", "GET /api/things/a/events/b", KEY, status=404),
    row("unknown", "GET /api/nothing", status=404),
    row("unknown with a key", "GET /api/nothing", KEY, status=404),
)
