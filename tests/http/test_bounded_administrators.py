"""Administrators whose role has bounds: the whole installation, and records that cannot be read."""

import pytest
from requests import Response

from lab.testing.standins import Holder
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.conftest import App
from tests.http.people import ADMINISTRATOR, NAMES_ADMINISTRATOR, TEAM_ADMINISTRATOR
from tests.http.test_access import ask, refused_reach

STRANGER = Holder("sam@example.org", roles=("Administrator",))


@pytest.mark.parametrize("who", [STRANGER, NAMES_ADMINISTRATOR, TEAM_ADMINISTRATOR])
def test_the_doctor_is_for_administrators_of_the_whole_installation(
    guarded: App, who: Holder
) -> None:
    for query in ("", "?cluster=odd-1"):
        answer = ask(guarded, who, "GET", f"/api/doctor{query}")
        assert refused_reach(answer), answer.text
        assert "findings" not in answer.json()
    assert ask(guarded, ADMINISTRATOR, "GET", "/api/doctor").status_code == 200


def read_and_forget(app: App, who: Holder, name: str) -> tuple[Response, Response]:
    app.blobs.write(f"clusters/{name}/record.json", b"{")
    path = f"/api/clusters/{name}"
    read = ask(app, who, "GET", path)
    return read, ask(app, who, "POST", f"{path}/forget?confirm={name}")


@pytest.mark.parametrize("who", [ADMINISTRATOR, NAMES_ADMINISTRATOR])
def test_an_unreadable_record_is_shown_and_forgotten_within_a_bound_of_names(
    guarded: App, who: Holder
) -> None:
    read, forgotten = read_and_forget(guarded, who, "odd-1")
    assert (read.status_code, read.json()["state"]) == (200, "unreadable")
    assert forgotten.status_code == 200, forgotten.text


@pytest.mark.parametrize(
    ("who", "name"), [(TEAM_ADMINISTRATOR, "odd-2"), (NAMES_ADMINISTRATOR, "even-2")]
)
def test_an_unreadable_record_is_out_of_reach_where_its_group_or_name_decides(
    guarded: App, who: Holder, name: str
) -> None:
    """Its group is not known."""
    assert all(refused_reach(answer) for answer in read_and_forget(guarded, who, name))
    assert guarded.blobs.read(f"clusters/{name}/record.json")
