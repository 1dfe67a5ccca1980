"""Methods: a route that does not have one is not found."""

from lab.tests.host.rows import KEY, row, saw

ROWS = (
    row("GET of a route that has it", "GET /api/things/a", KEY, seen=saw("named", name="a")),
    row("PUT of a route that has it", "PUT /api/things/a", KEY, seen=saw("named", name="a")),
    row("DELETE of a route that has it", "DELETE /api/things/a", KEY, seen=saw("named", name="a")),
    row("POST of a route without it", "POST /api/things/a", KEY, status=404),
    row("PATCH of a route without it", "PATCH /api/things/a", KEY, status=404),
    row("HEAD of a route without it", "HEAD /api/things/a", KEY, status=404),
    row("OPTIONS of a route without it", "OPTIONS /api/things/a", KEY, status=404),
    row("TRACE of a route without it", "TRACE /api/things/a", KEY, status=404),
    row("CONNECT of a route without it", "CONNECT /api/things/a", KEY, status=404),
    row("BREW of a route without it", "BREW /api/things/a", KEY, status=404),
    row(
        "get of a route without it",
        "get /api/things/a",
        KEY,
        seen=saw("named", method="GET", name="a"),
    ),
    row("wrong method without a key", "POST /api/things/a", status=404),
    row("HEAD of an anonymous route", "HEAD /api/open/a", status=404),
    row("GET of a route for every method", "GET /api/every", seen=saw("every")),
    row(
        "HEAD of a route for every method",
        "HEAD /api/every",
        answer={"content-type": "application/json"},
    ),
    row("OPTIONS of a route for every method", "OPTIONS /api/every", seen=saw("every")),
    row("TRACE of a route for every method", "TRACE /api/every", seen=saw("every")),
    row("PATCH of a route for every method", "PATCH /api/every", seen=saw("every")),
    row("BREW of a route for every method", "BREW /api/every", seen=saw("every")),
    row("OPTIONS of everything", "OPTIONS *", status=404),
)
