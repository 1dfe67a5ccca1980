"""Each request leaves one line that says who asked for what and what was decided, and no key."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab.testing.standins import CLIENT_ID, TENANT
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import KEY, App, running_app
from tests.http.people import OPERATOR, READER
from tests.http.test_access import ask

LINE = re.compile(r"[A-Z]+ \S+ cluster=.*")


@pytest.fixture(scope="module")
def keyed(
    tmp_path_factory: pytest.TempPathFactory,
    azurite: str,  # noqa: F811
) -> Iterator[tuple[App, Path]]:
    """The app with keys, beside which a token may come, and the folder of its logs."""
    folder = tmp_path_factory.mktemp("audit")
    settings = {"SLIPWAY_ENTRA_TENANT_ID": TENANT, "SLIPWAY_ENTRA_CLIENT_ID": CLIENT_ID}
    with running_app(folder, azurite, None, **settings) as app:
        yield app, folder


def written(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.log")))


def lines(folder: Path) -> list[str]:
    return [found[0] for line in written(folder).splitlines() if (found := LINE.search(line))]


def test_a_line_has_route_cluster_caller_role_and_decision(keyed: tuple[App, Path]) -> None:
    app, folder = keyed
    key, before = {"x_functions_key": KEY}, len(lines(folder))
    ask(app, None, "GET", "/api/clusters", **key)
    ask(app, OPERATOR, "DELETE", "/api/clusters/nobodys", **key)
    ask(app, READER, "POST", "/api/clusters/nobodys/cancel", **key)
    ask(app, "x.y.z", "PUT", "/api/clusters/nobodys?plan=true", {}, **key)
    ask(app, OPERATOR, "GET", "/api/clusters/no%0A2026%20allowed/operations/7", **key)
    ask(app, None, "GET", "/api/sign-in")
    otto, rita = OPERATOR.object_id, READER.object_id
    admin, name = "Administrator", "clusters/{name}"
    assert lines(folder)[before:] == [
        f"GET clusters cluster=- caller=key roles={admin} needs=Reader decision=allowed status=200",
        f"DELETE {name} cluster=nobodys caller={otto} roles=Operator needs=Operator "
        "decision=allowed status=404",
        f"POST {name}/cancel cluster=nobodys caller={rita} roles=Reader needs=Operator "
        "decision=refused status=403",
        f"PUT {name} cluster=nobodys caller=- roles=- needs=Reader decision=refused status=401",
        f"GET {name}/operations/{{generation}} cluster=invalid caller={otto} roles=Operator "
        "needs=Reader decision=allowed status=400",
        "GET sign-in cluster=- caller=- roles=- needs=Anyone decision=allowed status=200",
    ]


def test_a_key_in_the_address_is_in_no_line(keyed: tuple[App, Path]) -> None:
    app, folder = keyed
    before = len(lines(folder))
    for path in ("/api/clusters", "/api/clusters/nobodys/events", "/api/clusters/nobodys/view"):
        requests.get(f"{app.url}{path}?code={KEY}&x={KEY}", timeout=60)
    assert len(lines(folder)) == before + 3
    assert KEY not in "".join(lines(folder))
    assert "code=" not in written(folder)
