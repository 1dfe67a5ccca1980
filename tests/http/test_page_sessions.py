"""Sessions of the page, asked of the whole app: what one opens, for whom, and how it ends."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.store import Store
from cluster.record import ClusterRecord
from lab.testing.standins import CLIENT_ID, TENANT
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import KEY, App, running_app
from tests.http.people import BOUNDS, EVE, MEMBER, READER

COOKIE = "__Secure-slipway-page"
READS = (
    "/clusters",
    "/clusters/demo",
    "/clusters/demo/events",
    "/clusters/demo/timeline",
    "/clusters/demo/operations",
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keyed")


@pytest.fixture(scope="module")
def keyed(
    logs: Path,
    azurite: str,  # noqa: F811
) -> Iterator[App]:
    """An app that takes keys, with one cluster."""
    with running_app(logs, azurite) as running:
        add_cluster(running, "demo")
        yield running


def add_cluster(app: App, name: str) -> None:
    record = ClusterRecord(name=name, uid="abc", state="ready", group=f"{name}-rg", generation=1)
    Store(app.blobs).create_record(record)


def ask(app: App, method: str, path: str, **headers: str) -> requests.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{app.url}{path}", headers=given, timeout=60)


def begin(app: App, **headers: str) -> str:
    """Begins a session; returns the header that a browser then sends."""
    answer = ask(app, "POST", "/api/session", x_functions_key=KEY, **headers)
    assert (answer.status_code, answer.json()) == (200, {"open": True})
    name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
    assert name == COOKIE
    return f"{name}={value}"


def test_only_a_function_key_begins_a_session(keyed: App) -> None:
    for headers in ({}, {"x_functions_key": "wrong"}, {"Cookie": begin(keyed)}):
        answer = ask(keyed, "POST", "/api/session", **headers)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_for_this_path_no_script_and_no_other_site(keyed: App) -> None:
    answer = ask(keyed, "POST", "/API/Session/", x_functions_key=KEY)
    _, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"path=/API/Session", "secure", "samesite=strict", "httponly"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_session_opens_what_the_page_reads_and_nothing_else(keyed: App) -> None:
    cookie = begin(keyed)
    for path in READS:
        answer = ask(keyed, "GET", f"/api/session{path}", Cookie=cookie)
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "no-store"
        same = ask(keyed, "GET", f"/api{path}", x_functions_key=KEY)
        assert answer.json() == same.json()
        # The addresses of the API itself need the key as before.
        assert ask(keyed, "GET", f"/api{path}", Cookie=cookie).status_code == 401
    for method, path in (
        ("PUT", "/clusters/demo"),
        ("DELETE", "/clusters/demo"),
        ("POST", "/clusters/demo/cancel"),
        ("POST", "/clusters/demo/backups"),
        ("GET", "/clusters/demo/log"),
        ("GET", "/doctor"),
    ):
        assert ask(keyed, method, f"/api{path}", Cookie=cookie).status_code in (401, 404)
        assert ask(keyed, method, f"/api/session{path}", Cookie=cookie).status_code == 404
    record = Store(keyed.blobs).record("demo")
    assert record
    assert record[0].state == "ready"


def test_every_address_of_a_session_reads_and_asks_for_a_session(
    keyed: App, functions: list[Any]
) -> None:
    """Of every route below `session/`, whoever adds one: the host asks for no key there."""
    found = [f.get_trigger() for f in functions if f.is_http_function()]
    below = [trigger for trigger in found if trigger.route.startswith("session/")]
    assert len(below) == len(READS)
    for trigger in below:
        assert [getattr(one, "value", one) for one in trigger.methods] == ["GET"]
        path = "/api/" + trigger.route.replace("{name}", "demo")
        for headers in ({}, {"x_functions_key": KEY}, {"Cookie": f"{COOKIE}=x"}):
            answer = ask(keyed, "GET", path, **headers)
            assert (answer.status_code, answer.json()["title"]) == (401, "the session has ended")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "A" * 43,
        "../clusters/demo/record",
        "%2e%2e%2fclusters%2fdemo%2frecord.json",
        "A" * 4000,
        "x" * 42 + "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_an_invented_cookie_opens_nothing(keyed: App, value: str) -> None:
    sent = f"{COOKIE}={value}".encode().decode("latin-1")
    answer = ask(keyed, "GET", "/api/session/clusters", Cookie=sent)
    assert answer.status_code == 401
    assert ask(keyed, "GET", "/api/session", Cookie=sent).json() == {"open": False}


def test_a_cookie_that_another_site_of_the_domain_adds_harms_no_session(keyed: App) -> None:
    mixed = f"other=1; {COOKIE}={'A' * 43}; {begin(keyed)}; {COOKIE}="
    assert ask(keyed, "GET", "/api/session", Cookie=mixed).json() == {"open": True}
    assert ask(keyed, "GET", "/api/session/clusters", Cookie=mixed).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "odd"])
def test_a_session_is_not_used_by_pages_of_other_origins(keyed: App, site: str) -> None:
    cookie = begin(keyed)
    for path in ("", "/clusters", "/clusters/demo"):
        answer = ask(keyed, "GET", f"/api/session{path}", Cookie=cookie, Sec_Fetch_Site=site)
        assert answer.status_code == 403
    answer = ask(keyed, "GET", "/api/session", Cookie=cookie, Sec_Fetch_Site="same-origin")
    assert answer.json() == {"open": True}


def test_a_session_that_was_ended_is_ended_for_every_copy_of_its_cookie(keyed: App) -> None:
    cookie, another = begin(keyed), begin(keyed)
    for _ in range(2):  # a repeated request is a success
        answer = ask(keyed, "DELETE", "/api/session", Cookie=cookie)
        assert (answer.status_code, answer.json()) == (200, {"open": False})
        assert f"{COOKIE}=;" in answer.headers["Set-Cookie"]
        assert "max-age=0" in answer.headers["Set-Cookie"]
    assert ask(keyed, "GET", "/api/session/clusters", Cookie=cookie).status_code == 401
    assert ask(keyed, "GET", "/api/session/clusters", Cookie=another).status_code == 200


def test_storage_and_logs_hold_nothing_to_sign_in_with(keyed: App, logs: Path) -> None:
    cookie = begin(keyed)
    ask(keyed, "GET", "/api/session/clusters/demo", Cookie=cookie)
    secret = cookie.partition("=")[2]
    names = keyed.blobs.list("page-sessions/")
    assert names
    assert all(re.fullmatch(r"page-sessions/[0-9a-f]{64}\.json", name) for name in names)
    for name in keyed.blobs.list(""):
        content = keyed.blobs.read(name)
        assert content
        assert secret not in name + content[0].decode(errors="replace")
        assert KEY not in content[0].decode(errors="replace")
    written = [path.read_text(errors="replace") for path in logs.rglob("*") if path.is_file()]
    assert any("session/clusters/{name}" in text for text in written)
    assert not [text for text in written if secret in text]


def test_where_tokens_replace_keys_no_session_opens_anything(guarded: App) -> None:
    """Also none that was begun before the setting was changed."""
    secret = Store(guarded.blobs).begin_page_session(datetime.now(UTC))
    held = {"Cookie": f"{COOKIE}={secret}"}
    token = {"Authorization": f"Bearer {guarded.azure.issuer.token(READER)}"}
    for headers in (held, held | token):
        for path in ("", *READS):
            assert ask(guarded, "GET", f"/api/session{path}", **headers).status_code == 403
    assert ask(guarded, "POST", "/api/session", **token).status_code == 403
    assert ask(guarded, "POST", "/api/session").status_code == 401


def test_where_both_are_needed_a_session_stands_for_the_key_only(
    tmp_path: Path,
    azurite: str,  # noqa: F811
) -> None:
    settings = {
        "SLIPWAY_ACCESS": "keys-and-tokens",
        "SLIPWAY_ENTRA_TENANT_ID": TENANT,
        "SLIPWAY_ENTRA_CLIENT_ID": CLIENT_ID,
        "SLIPWAY_ROLE_BOUNDS": json.dumps([
            *BOUNDS,
            {"principal": MEMBER.object_id, "role": "Reader", "prefixes": ["mine"]},
            {"principal": READER.object_id, "role": "Reader"},
        ]),
    }  # fmt: skip
    with running_app(tmp_path, azurite, **settings) as both:
        add_cluster(both, "demo")
        add_cluster(both, "mine")

        def as_(who: Any) -> dict[str, str]:
            return {"Authorization": f"Bearer {both.azure.issuer.token(who)}"}

        assert ask(both, "POST", "/api/session", x_functions_key=KEY).status_code == 401
        assert ask(both, "POST", "/api/session", **as_(READER)).status_code == 401
        cookie = begin(both, **as_(READER))
        path = "/api/session/clusters/demo"
        assert ask(both, "GET", path, Cookie=cookie).status_code == 401
        assert ask(both, "GET", path, **as_(READER)).status_code == 401
        assert ask(both, "GET", path, Cookie=cookie, **as_(READER)).status_code == 200
        assert ask(both, "GET", path, Cookie=cookie, **as_(EVE)).status_code == 403
        # The token says who it is, whoever began the session.
        assert ask(both, "GET", path, Cookie=cookie, **as_(MEMBER)).status_code == 403
        mine = ask(both, "GET", "/api/session/clusters", Cookie=cookie, **as_(MEMBER)).json()
        assert [cluster["name"] for cluster in mine["clusters"]] == ["mine"]
