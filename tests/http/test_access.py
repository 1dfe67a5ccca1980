"""Who may do what, asked of the whole app with real tokens: every route, role, bound and header."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.store import Store
from cluster.access import AppRole
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.testing.standins import CLIENT_ID, TENANT, Holder
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import KEY, App, running_app
from tests.http.people import ADMINISTRATOR, EVE, MEMBER, OPERATOR, READER, ROBOT


def ask(
    app: App, who: Holder | str | None, method: str, path: str, body: Any = None, **headers: str
) -> requests.Response:
    token = app.azure.issuer.token(who) if isinstance(who, Holder) else who
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body)
    return requests.request(method, f"{app.url}{path}", data=data, headers=given, timeout=60)


def put(app: App, who: Holder | None, name: str, **more: Any) -> requests.Response:
    return ask(app, who, "PUT", f"/api/clusters/{name}?plan=false", {"name": name} | more)


@pytest.fixture(scope="module")
def routes(functions: list[Any]) -> list[tuple[str, str, Any]]:
    """Each HTTP function's method, path for the cluster `demo`, and the role that it needs."""
    found: list[tuple[str, str, Any]] = []
    for function in functions:
        if not function.is_http_function():
            continue
        trigger = function.get_trigger()
        path = trigger.route.replace("{name}", "demo").replace("{generation}", "1")
        path = path.replace("{version}", "0" * 16).replace("{module}", "main.mjs")
        path = path.replace("{node}", "demo-worker-0").replace("{backup}", "000002")
        path = path.replace("{credential}", "ssh-key")
        (method,) = trigger.methods
        found.append(
            (
                str(getattr(method, "value", method)),
                f"/api/{path}",
                function.get_user_function().needs,
            )
        )
    return found


def test_every_route_names_a_role_and_only_page_and_documents_need_none(
    routes: list[tuple[str, str, Any]],
) -> None:
    open_to_all = {path for _, path, needs in routes if needs is AppRole.ANYONE}
    assert open_to_all == {
        "/api/openapi.json",
        "/api/schema",
        "/api/session",
        "/api/sign-in",
        "/api/view/signed-in",
        "/api/clusters/demo/view",
        f"/api/view/{'0' * 16}/main.mjs",
    }
    assert len(routes) > 12


def test_every_route_refuses_whoever_has_no_token_no_role_or_one_that_is_too_small(
    guarded: App, routes: list[tuple[str, str, Any]]
) -> None:
    for method, path, needs in routes:
        # Where tokens replace keys, there are no sessions (tests/http/test_page_sessions.py).
        if needs is AppRole.ANYONE or path.startswith("/api/session/"):
            continue
        role = needs if isinstance(needs, AppRole) else AppRole.OPERATOR
        nobody = ask(guarded, None, method, path)
        assert (nobody.status_code, nobody.headers["WWW-Authenticate"].split()[0]) == (
            401,
            "Bearer",
        ), path
        assert ask(guarded, "x.y.z", method, path).status_code == 401, path
        smaller = [EVE, READER, OPERATOR][: int(role)]
        for holder in smaller:
            answer = ask(guarded, holder, method, path)
            assert (answer.status_code, answer.json()["title"]) == (
                403,
                f"this needs the role {role.value_in_token}",
            ), (path, holder)
    assert "demo" not in str(guarded.created())


def test_a_function_key_opens_nothing_where_tokens_replace_keys(guarded: App) -> None:
    for key in ("function-key", "master-key"):
        answer = ask(guarded, None, "GET", "/api/clusters", x_functions_key=key)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"x_ms_client_principal_name": "ceo@example.org", "x_ms_client_principal_id": "1"},
        {"x_ms_client_principal": "eyJyb2xlcyI6WyJBZG1pbmlzdHJhdG9yIl19"},
        {"x_ms_token_aad_id_token": "a.b.c", "x_ms_token_aad_access_token": "a.b.c"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "Bearer"},
        {"Cookie": "AppServiceAuthSession=x"},
    ],
)
def test_headers_that_anyone_may_send_prove_nothing(guarded: App, headers: dict[str, str]) -> None:
    assert ask(guarded, None, "GET", "/api/clusters", **headers).status_code == 401


def test_the_page_is_served_to_whoever_asks_and_holds_no_data(guarded: App) -> None:
    assert ask(guarded, None, "GET", "/api/clusters/demo/view").status_code == 200


def test_the_caller_of_a_run_is_the_one_of_the_token(guarded: App) -> None:
    """Whatever other headers say."""
    sent = {"name": "named", "playbook": {"through": "wait"}}
    answer = ask(
        guarded,
        OPERATOR,
        "PUT",
        "/api/clusters/named",
        sent,
        x_ms_client_principal_name="ceo@example.org <!channel>",
    )
    assert answer.status_code == 202, answer.text
    shown = ask(guarded, READER, "GET", "/api/clusters/named").json()
    assert shown["caller"] == "otto@example.org"
    for path in ("cancel", ""):
        method = "POST" if path else "DELETE"
        ask(guarded, OPERATOR, method, f"/api/clusters/named/{path}".rstrip("/"))


def test_a_reader_plans_and_creates_nothing(guarded: App) -> None:
    path = "/api/clusters/planned"
    assert ask(guarded, READER, "PUT", f"{path}?plan=true", {"name": "planned"}).status_code == 200
    for query in ("", "?plan=false", "?plan=True", "?plan=", "?plan=true&plan=false"):
        answer = ask(guarded, READER, "PUT", path + query, {"name": "planned"})
        assert answer.status_code in (400, 403), query
    assert "planned" not in str(guarded.created())


def refused_reach(answer: requests.Response) -> bool:
    return answer.status_code == 403 and "does not cover" in answer.json()["title"]


def test_a_role_holds_only_for_the_names_of_its_bound(guarded: App) -> None:
    assert refused_reach(put(guarded, ROBOT, "prod-1"))
    assert refused_reach(put(guarded, ROBOT, "xci-1"))
    assert ask(guarded, ROBOT, "DELETE", "/api/clusters/ci-1").status_code == 404
    for method, path in (
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/controller/start"),
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/timeline"),
        ("GET", "/operations/1"),
    ):
        answer = ask(guarded, ROBOT, method, f"/api/clusters/prod-1{path}")
        assert refused_reach(answer), path
        assert ask(guarded, ROBOT, method, f"/api/clusters/ci-9{path}").status_code == 404, path


def keep(app: App, name: str, group: str, state: str = "ready") -> None:
    record = ClusterRecord(name=name, uid="00000001", generation=1, group=group, state=state)
    Store(app.blobs).create_record(record)


def test_a_role_holds_only_in_the_groups_of_its_bound(guarded: App) -> None:
    keep(guarded, "theirs", "team-z")
    keep(guarded, "ours", "TEAM-A")
    assert refused_reach(put(guarded, MEMBER, "fresh"))
    assert refused_reach(put(guarded, MEMBER, "fresh", resourceGroup="team-aa"))
    assert refused_reach(ask(guarded, MEMBER, "DELETE", "/api/clusters/theirs"))
    # Another group in the body does not lead to a cluster of others.
    assert refused_reach(put(guarded, MEMBER, "theirs", resourceGroup="team-a"))
    assert not refused_reach(ask(guarded, MEMBER, "POST", "/api/clusters/ours/cancel"))
    # Reading is not bounded: no bound names the role Reader.
    assert ask(guarded, MEMBER, "GET", "/api/clusters/theirs").status_code == 200


def test_the_list_shows_what_the_caller_may_read(guarded: App) -> None:
    keep(guarded, "ci-7", "anywhere")
    keep(guarded, "prod-7", "anywhere")
    listed = {c["name"] for c in ask(guarded, ROBOT, "GET", "/api/clusters").json()["clusters"]}
    everything = ask(guarded, READER, "GET", "/api/clusters").json()["clusters"]
    assert "ci-7" in listed
    assert {name for name in listed if not name.startswith("ci-")} == set()
    assert {"ci-7", "prod-7"} <= {one["name"] for one in everything}


def test_a_role_with_bounds_is_worth_nothing_to_whoever_no_bound_names(guarded: App) -> None:
    stranger = Holder("new@example.org", roles=("Operator",))
    assert refused_reach(put(guarded, stranger, "anything"))
    assert ask(guarded, stranger, "GET", "/api/clusters").json() == {"clusters": []}


def access_finding(app: App) -> dict[str, Any]:
    answer = ask(app, ADMINISTRATOR, "GET", "/api/doctor")
    assert answer.status_code == 200, answer.text
    (found,) = (one for one in answer.json()["findings"] if one["name"] == "access")
    return found


def test_the_doctor_says_whether_tokens_can_be_verified(guarded: App) -> None:
    found = access_finding(guarded)
    assert found["state"] == "ok"
    assert CLIENT_ID in found["seen"]
    guarded.azure.issuer.failure = 404
    found = access_finding(guarded)
    guarded.azure.issuer.failure = 0
    assert found["state"] == "failed"
    assert "SLIPWAY_ENTRA_TENANT_ID" in found["fix"]["command"]


def test_an_app_that_wants_both_takes_neither_alone(
    tmp_path: Path,
    azurite: str,  # noqa: F811
) -> None:
    settings = {
        "SLIPWAY_ACCESS": "keys-and-tokens",
        "SLIPWAY_ENTRA_TENANT_ID": TENANT,
        "SLIPWAY_ENTRA_CLIENT_ID": CLIENT_ID,
    }
    with running_app(tmp_path, azurite, **settings) as both:
        key = {"x_functions_key": KEY}
        alone = ask(both, READER, "GET", "/api/clusters")
        assert (alone.status_code, alone.content) == (401, b"")
        keyed = ask(both, None, "GET", "/api/clusters", **key)
        assert (keyed.status_code, keyed.json()["title"]) == (401, "a token is needed")
        assert ask(both, READER, "GET", "/api/clusters", **key).status_code == 200
        assert ask(both, EVE, "GET", "/api/clusters", **key).status_code == 403


def test_a_token_that_comes_with_a_key_says_who_it_is_and_bounds_it(
    tmp_path: Path,
    azurite: str,  # noqa: F811
) -> None:
    """As in the lab: keys open everything, and a token may come besides."""
    settings = {"SLIPWAY_ENTRA_TENANT_ID": TENANT, "SLIPWAY_ENTRA_CLIENT_ID": CLIENT_ID}
    with running_app(tmp_path, azurite, **settings) as keyed:
        key, path = {"x_functions_key": KEY}, "/api/clusters/mine"
        sent = {"name": "mine", "playbook": {"through": "wait"}}
        assert ask(keyed, READER, "PUT", path, sent, **key).status_code == 403
        assert ask(keyed, "a.b.c", "PUT", path, sent, **key).status_code == 401
        assert ask(keyed, OPERATOR, "PUT", path, sent, **key).status_code == 202
        assert ask(keyed, None, "GET", path, **key).json()["caller"] == "otto@example.org"
        ask(keyed, None, "DELETE", path, **key)


def test_a_stored_proxy_is_sent_back_but_not_changed(guarded: App) -> None:
    """As with a cluster that came from a profile: the caller has no consent for the field."""
    proxy = {"http": "http://proxy.example.org:3128"}
    path, sent = "/api/clusters/behind?plan=true", {"name": "behind", "proxy": proxy}
    assert ask(guarded, OPERATOR, "PUT", path, sent).status_code == 400
    spec = parse_spec(sent)
    record = ClusterRecord(name="behind", uid="00000005", group=spec.group, state="failed")
    Store(guarded.blobs).create_record(record.model_copy(update={"spec": spec.document()}))
    assert ask(guarded, OPERATOR, "PUT", path, sent).status_code == 200
    shown = ask(guarded, OPERATOR, "GET", "/api/clusters/behind").json()["spec"]
    assert ask(guarded, OPERATOR, "PUT", path, shown).status_code == 200
    answer = ask(guarded, OPERATOR, "PUT", path, sent | {"proxy": proxy | {"noProxy": ["a.b"]}})
    assert [fault["path"] for fault in answer.json()["faults"]] == ["proxy.http"]
