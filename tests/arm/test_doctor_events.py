"""What doctor reports about Event Grid, against the installation's own templates in the stand-
in."""

from pathlib import Path
from typing import Any

import pytest

from clients.services import Services
from cluster.findings import Finding
from doctor import fixes
from doctor.event_grid import group_events, redeploy_events
from doctor.fixes import UNNAMED_APP
from lab.testing.standins import Azure, azure  # noqa: F401 -- a fixture
from tests.arm.installation import GROUP, Installation

EVENTS = (
    f"az deployment group create --resource-group {GROUP} --template-file arm/platform/events.json"
)
SUBSCRIPTION = "Microsoft.EventGrid/systemTopics/eventSubscriptions"


@pytest.fixture
def installation(azure: Azure, tmp_path: Path) -> Installation:  # noqa: F811
    made = Installation(tmp_path, azure.facade.arm)
    made.install()
    made.publish()
    return made


def said(azure: Azure, app: str) -> Finding:  # noqa: F811
    return group_events(Services(azure.settings), fixes.Installation(app, GROUP))


def own(installation: Installation) -> str:
    return installation.one("Microsoft.Web/sites")["name"]


def test_a_subscription_as_the_template_makes_it_is_well(
    azure: Azure,  # noqa: F811
    installation: Installation,
) -> None:
    installation.subscribe()
    found = said(azure, own(installation))
    assert (found.name, found.state, found.fix) == ("events", "ok", None)
    assert found.seen == (
        "slipway-groups sends events of created and deleted groups, and stores dead letters"
    )


def test_none_at_all_or_one_that_goes_to_another_app_is_a_warning(
    azure: Azure,  # noqa: F811
    installation: Installation,
) -> None:
    name = own(installation)
    assert said(azure, name).state == "warning"
    installation.subscribe()
    found = said(azure, "another")
    assert found.state == "warning"
    assert "tagged groups start nothing" in found.seen
    assert found.fix
    assert found.fix.command == EVENTS


def _without_deletes(properties: dict[str, Any]) -> None:
    properties["filter"]["includedEventTypes"].pop()


def _without_writes(properties: dict[str, Any]) -> None:
    properties["filter"]["advancedFilters"][0]["values"].pop(0)


def _filter(**changes: Any) -> Any:
    return lambda properties: properties["filter"].update(changes)


def _advanced(key: str, operator: str, *values: str) -> Any:
    one = {"key": key, "operatorType": operator, "values": list(values)}
    return lambda properties: properties["filter"]["advancedFilters"].append(one)


@pytest.mark.parametrize(
    ("change", "state", "seen"),
    [
        (_filter(includedEventTypes=["All"]), "ok", "created and deleted groups"),
        (_filter(subjectBeginsWith="/subscriptions/1"), "warning", "subjectBeginsWith"),
        (_advanced("subject", "StringContains", "x"), "warning", "subject StringContains"),
        (_advanced("data.operationName", "StringNotIn", "x"), "warning", "cannot judge"),
        (_advanced("data.operationName", "StringIn", "x"), "failed", "tagged groups start nothing"),
        (lambda p: p.update(expirationTimeUtc="2020-01-01T00:00:00Z"), "failed", "expired at 2020"),
        (
            lambda p: p.update(expirationTimeUtc="2999-01-01T00:00:00Z"),
            "warning",
            "expires at 2999",
        ),
        (_without_deletes, "warning", "deleted groups are not detected"),
        (_without_writes, "failed", "tagged groups start nothing"),
        (lambda p: p.update(provisioningState="Failed"), "failed", "slipway-groups is Failed"),
        (lambda p: p.update(eventDeliverySchema="EventGridSchema"), "failed", "EventGridSchema"),
        (lambda p: p.pop("deadLetterWithResourceIdentity"), "warning", "no dead letters"),
    ],
)
def test_what_would_lose_events_is_named_with_what_fixes_it(
    azure: Azure,  # noqa: F811
    installation: Installation,
    change: Any,
    state: str,
    seen: str,
) -> None:
    installation.subscribe()
    change(installation.one(SUBSCRIPTION)["properties"])
    found = said(azure, own(installation))
    assert found.state == state
    assert seen in found.seen
    if state == "ok":
        return
    assert found.fix
    assert "arm/platform/events.json" in found.fix.command


def test_a_filter_that_lets_everything_through_is_well(
    azure: Azure,  # noqa: F811
    installation: Installation,
) -> None:
    installation.subscribe()
    installation.one(SUBSCRIPTION)["properties"]["filter"] = {}
    assert said(azure, own(installation)).state == "ok"


def test_where_the_platform_names_no_app_nothing_is_claimed(azure: Azure) -> None:  # noqa: F811
    assert said(azure, UNNAMED_APP).state == "notChecked"


def test_a_topic_in_another_group_takes_the_template_there() -> None:
    topic = "/subscriptions/1/resourceGroups/shared/providers/Microsoft.EventGrid/systemTopics/all"
    fix = redeploy_events(fixes.Installation("app", GROUP), [topic])
    assert fix.command == (
        "az deployment group create --resource-group shared --template-file "
        f"arm/platform/events.json --parameters existingTopic=all installationGroup={GROUP}"
    )


def test_a_subscription_that_never_used_event_grid_is_a_warning_with_its_own_fix(
    azure: Azure,  # noqa: F811
) -> None:
    refusal = {
        "match": "/systemTopics", "count": 9, "status": 409,
        "code": "MissingSubscriptionRegistration",
    }  # fmt: skip
    azure.facade.arm.faults.change({"requests": [refusal]})
    found = said(azure, "app")
    assert (found.state, found.fix and found.fix.command) == (
        "warning",
        "az provider register --namespace Microsoft.EventGrid --wait",
    )
