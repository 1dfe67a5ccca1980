"""lab event: what it asks of the lab's Azure and host, and how it tells what failed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from cli.exits import CommandError, Exit
from lab.cli import event
from lab.control import LabInfo
from lab.testing.serving import serving

GROUP = "/subscriptions/s/resourcegroups/team-a"
HOOK = "/runtime/webhooks/eventgrid"


class Played:
    """The lab's Azure and its host. `answers`: by method and path, and then the same again."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Response] = {
            ("GET", "/identity"): document({"access_token": "t"}),
            ("GET", GROUP): document({"location": "westeurope", "tags": {"owner": "a"}}),
            ("PUT", GROUP): document({}, 201),
            ("DELETE", GROUP): Response("", 404),
            ("POST", HOOK): Response("", 202),
        }
        self.sent: dict[tuple[str, str], bytes] = {}

    def __call__(self, request: Request) -> Response:
        self.sent[request.method, request.path] = request.get_data()
        return self.answers[request.method, request.path]


def document(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def lab(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabInfo]:
    (tmp_path / "secrets.json").write_text('{"identityHeader": "h"}', encoding="utf-8")
    monkeypatch.setattr(event, "STATE", tmp_path)
    with serving(played) as url:
        yield LabInfo(url, "k", {"subscription": "s", "azure": url, "keys": {"eventGrid": "e"}})


def test_a_tag_is_added_to_those_that_the_group_has(played: Played, lab: LabInfo) -> None:
    event.tag_group(lab, "team-a", "northeurope", "small")
    sent = json.loads(played.sent["PUT", GROUP])
    assert sent == {"location": "westeurope", "tags": {"owner": "a", "slipway": "small"}}


def test_the_event_names_the_group(played: Played, lab: LabInfo) -> None:
    event.send(lab, "team-a", deleted=True)
    sent = json.loads(played.sent["POST", HOOK])
    assert sent["type"] == "Microsoft.Resources.ResourceDeleteSuccess"
    assert sent["subject"] == "/subscriptions/s/resourceGroups/team-a"


def test_a_group_that_is_gone_is_deleted(lab: LabInfo) -> None:
    event.delete_group(lab, "team-a")


ARM = {"error": {"code": "ScopeLocked", "message": "The scope is locked."}}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (document(ARM, 409), "The scope is locked. (ScopeLocked)"),
        (document({"error": {}}, 409), "Azure says no more (no code)"),
        (document({"title": "the app's settings are wrong"}, 500), "the app's settings are wrong"),
        (Response("", 401), "no permission"),
        (document([], 503), "the server cannot process the request"),
        (Response("<html>404</html>", 599), "the lab does not say why"),
    ],
    ids=["arm", "empty", "problem", "none", "list", "other"],
)
@pytest.mark.parametrize(
    ("refused", "failure"),
    [
        (("GET", "/identity"), "the lab gave no token for Azure: "),
        (("PUT", GROUP), "the group team-a could not be tagged: "),
        (("DELETE", GROUP), "the group team-a could not be deleted: "),
        (("POST", HOOK), "the app did not take the event: "),
    ],
    ids=["token", "tag", "delete", "event"],
)
def test_a_failure_says_what_and_why_in_words(
    played: Played,
    lab: LabInfo,
    refused: tuple[str, str],
    failure: str,
    answer: Response,
    told: str,
) -> None:
    played.answers[refused] = answer
    acts: dict[str, Callable[[], None]] = {
        "DELETE": lambda: event.delete_group(lab, "team-a"),
        "POST": lambda: event.send(lab, "team-a", deleted=False),
    }
    act = acts.get(refused[0], lambda: event.tag_group(lab, "team-a", "westeurope", "small"))
    with pytest.raises(CommandError) as caught:
        act()
    text = str(caught.value)
    assert text.startswith(failure + told)
    assert str(answer.status_code) not in text
    assert caught.value.code == Exit.FAILED
