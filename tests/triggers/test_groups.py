"""Events of resource groups: what Event Grid sends again, what it does not, and what is logged."""

import json
import logging
import traceback
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from clients.errors import Refused, Transient
from clients.settings import Settings
from clients.slack import Lost, Posted, Throttled
from clients.time_limit import left
from cluster.contracts import RunRef
from cluster.record import ClusterRecord
from runs import refused_tags
from runs.engine import EngineAwayError
from runs.starts import ClaimContext
from tests.runs.memory import engine, new_context
from triggers import groups
from triggers.groups import RepeatedEventError, on_group_event

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
WORDS = "the-words-of-a-service"
REFUSED_TAG, GOOD_TAG = "no-such-profile", "small"
# Event Grid's own time for an answer.
EVENT_GRID_SECONDS = 30


def group_event(
    type_: str,
    operation: str,
    group: str = "team-a",
    time: Any = None,
    suffix: str = "",
    operations: str = "Microsoft.Resources/subscriptions/resourceGroups/",
) -> func.CloudEvent:
    return func.CloudEvent(
        id="1",
        source=f"/subscriptions/{SUBSCRIPTION}",
        type=f"Microsoft.Resources.{type_}",
        subject=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}{suffix}",
        time=time,
        data={"operationName": f"{operations}{operation}"},
        specversion="1.0",
        data_content_type="application/json",
        data_schema=None,
    )


EVENT = group_event("ResourceWriteSuccess", "write")
GONE = group_event("ResourceDeleteSuccess", "delete")


class Installation:
    """The services of an installation whose group has a tag; `group_error` is what ARM raises."""

    def __init__(self, context: ClaimContext) -> None:
        self.context, self.store = context, context.store
        self.groups, self.vault, self.resources = self, self, self
        self.tag, self.profiles = REFUSED_TAG, ""
        self.group_error: Exception | None = None
        self.gone = False
        self.answers: list[Any] = []
        self.posts: list[str] = []
        self.left: list[float] = []
        self.tag_key, self.cluster_groups = "slipway", frozenset[str]()
        self.more_tags: dict[str, str] = {}
        # The tags of each resource in the group, and the groups that ARM lists.
        self.held: list[dict[str, str]] = []
        self.listed = {"slipway-platform"}

    @property
    def settings(self) -> Settings:
        return Settings(
            SUBSCRIPTION,
            "v",
            "c",
            profiles=self.profiles,
            slack_secret="slack",
            loopback="x",
            cluster_groups=self.cluster_groups,
        )

    def get(self, name: str) -> Any:
        if name == "slack":
            return SimpleNamespace(value="http://127.0.0.1:1/hook")
        self.left.append(left())
        if self.group_error:
            raise self.group_error
        if self.gone:
            return None
        return SimpleNamespace(
            name=name, location="westeurope", tags={self.tag_key: self.tag} | self.more_tags
        )

    def list(self, group: str) -> Any:
        assert group
        return [SimpleNamespace(name="a", tags=tags) for tags in self.held]

    def names(self) -> set[str]:
        return self.listed

    def webhook(self, url: str, *, loopback: bool) -> Any:
        assert (url, loopback) == ("http://127.0.0.1:1/hook", True)
        return SimpleNamespace(valid=True, post=self.post)

    def post(self, text: str) -> Any:
        self.posts.append(text)
        return self.answers.pop(0) if self.answers else Posted()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Installation:
    made = Installation(new_context())
    for module in (groups, refused_tags):
        monkeypatch.setattr(module, "services", lambda: made)
    monkeypatch.setattr(groups, "claim_context", lambda _: made.context)
    monkeypatch.setattr(refused_tags, "SlackWebhook", made.webhook)
    return made


def deliver(event: func.CloudEvent = EVENT) -> Exception | None:
    """What the host gets as the result; None means that the event is acknowledged."""
    client: Any = None
    try:
        on_group_event(event, client)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (Transient(WORDS, 3.0), "a service does not answer: Transient in"),
        (EngineAwayError("UNAVAILABLE"), r"UNAVAILABLE"),
        (OSError(WORDS), "OSError in"),
        (ValueError(WORDS), "ValueError in"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_passes_is_sent_again_without_a_services_words(
    app: Installation, raised: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.group_error = raised
    with caplog.at_level(logging.DEBUG):
        error = deliver()
    assert isinstance(error, RepeatedEventError)
    assert said in str(error)
    assert WORDS not in "".join(traceback.format_exception(error))
    assert WORDS not in caplog.text


def test_what_is_refused_is_acknowledged_and_logged_with_its_code(
    app: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    app.group_error = Refused(
        "InvalidSubscriptionId", WORDS, [WORDS], place="resource group team-a"
    )
    assert deliver() is None
    assert "InvalidSubscriptionId" in caplog.text
    assert "team-a" in caplog.text
    assert WORDS not in caplog.text


@pytest.mark.parametrize(
    "code",
    [
        "IdentityUnavailable",
        "AuthorizationFailed",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "Forbidden",
    ],
)
def test_a_launch_that_waits_for_a_role_or_an_identity_is_sent_again(
    app: Installation, code: str
) -> None:
    app.tag = GOOD_TAG
    app.group_error = Refused(code, WORDS, [WORDS], place="resource group team-a")
    error = deliver()
    assert isinstance(error, RepeatedEventError)
    assert code in str(error)
    assert "resource group team-a" in str(error)
    assert WORDS not in "".join(traceback.format_exception(error))
    app.group_error = None
    assert deliver() is None
    assert engine(app.context).starts == [("reconcile_cluster", "team-a-000001")]


def test_a_group_that_is_gone_is_reported_again_whatever_a_service_refused(
    app: Installation,
) -> None:
    app.tag = GOOD_TAG
    assert deliver() is None
    record, etag = app.store.need_record("team-a")
    assert record.operation is not None
    ended = record.operation.model_copy(update={"finished": True})
    app.store.save_record(record.model_copy(update={"operation": ended}), etag)
    app.group_error = Refused("InvalidSubscriptionId", WORDS, [WORDS])
    error = deliver(GONE)
    assert isinstance(error, RepeatedEventError)
    assert WORDS not in "".join(traceback.format_exception(error))
    app.gone, app.group_error = True, None
    assert deliver(GONE) is None
    assert app.store.need_record("team-a")[0].state == "deleting"
    assert engine(app.context).starts[-1] == ("delete_cluster", "team-a-000002")


def test_a_deleted_group_closes_its_record_though_another_one_cannot_be_read(
    app: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    app.store.create_record(ClusterRecord(name="team-b", uid="1", group="team-a", state="ready"))
    app.store.blobs.write("clusters/odd/record.json", b'{"name":5}')
    app.gone = True
    assert deliver(GONE) is None
    assert app.store.need_record("team-b")[0].state == "deleted"
    assert "UnreadableDocument" in caplog.text
    assert "clusters/odd/record.json" in caplog.text


def test_an_event_is_served_in_less_than_event_grid_waits(app: Installation) -> None:
    assert deliver() is None
    assert 0 < app.left[0] < EVENT_GRID_SECONDS


def test_a_message_of_a_refused_tag_that_slack_throttled_is_sent_with_the_next_event(
    app: Installation,
) -> None:
    app.answers = [Throttled(1.0)]
    assert isinstance(deliver(), RepeatedEventError)
    assert app.store.need_record("team-a")[0].state == "failed"
    assert deliver() is None
    assert deliver() is None
    assert len(app.posts) == 2
    assert len(app.store.events(RunRef(cluster="team-a", generation=0))) == 1


@pytest.mark.parametrize("reason", ["status 404", "TimeoutError"])
def test_a_message_of_a_refused_tag_that_was_lost_is_logged_and_not_sent_again(
    app: Installation, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.answers = [Lost(reason)]
    assert deliver() is None
    assert deliver() is None
    assert len(app.posts) == 1
    (logged,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert reason in logged


def test_a_refused_tag_whose_event_was_not_written_is_reported_with_the_next_one(
    app: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs: Any = app.store.blobs
    write = blobs.append_at
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "append_at", lambda *_: fail())
        assert isinstance(deliver(), RepeatedEventError)
    assert blobs.append_at == write
    assert deliver() is None
    assert len(app.posts) == 1
    assert len(app.store.events(RunRef(cluster="team-a", generation=0))) == 1


def fail() -> None:
    raise Transient("storage: away")


@pytest.mark.parametrize("profiles", ["{", "[]", "null", json.dumps({"a": WORDS})])
def test_profiles_that_cannot_be_read_are_logged_and_not_sent_again(
    app: Installation, profiles: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.profiles, app.tag = profiles, GOOD_TAG
    assert deliver() is None
    assert deliver() is None
    assert "SLIPWAY_PROFILES" in caplog.text
    assert len(app.posts) == 1
    assert WORDS not in caplog.text
    assert engine(app.context).starts == []
    assert app.store.record("team-a") is None
    app.profiles = ""  # and the group is updated
    assert deliver() is None
    assert engine(app.context).starts == [("reconcile_cluster", "team-a-000001")]
