"""The end of a claimed run is reported, however it ends: the alert on stuck runs needs it."""

import threading
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest
from opentelemetry import _logs as logs

from clients.azure.event_grid import DELETED, OPERATIONS
from cluster.contracts import FinishInput
from lab.simulation.run import Scenario, simulation
from runs.claims import claim_delete, claim_reconcile
from runs.starts import ClaimContext
from telemetry import spans
from telemetry.names import Attribute, EventName
from tests.runs.memory import engine, new_context, spec
from tests.telemetry.heard import Heard
from triggers import groups
from triggers.groups import on_group_event

FIRST = "demo-000001"


def lost_and_sent_again(context: ClaimContext) -> None:
    engine(context).states[FIRST] = "TERMINATED"
    claim_reconcile(context, spec(), "ada")


def never_started_and_removed(context: ClaimContext) -> None:
    engine(context).states.clear()
    claim_delete(context, "demo", "ada")


@pytest.mark.parametrize(
    ("end", "state", "code"),
    [(lost_and_sent_again, "failed", "RunLost"), (never_started_and_removed, "cancelled", None)],
)
def test_the_end_of_a_run_that_cannot_report_it_is_reported(
    heard: Heard, end: Callable[[ClaimContext], None], state: str, code: str | None
) -> None:
    context = new_context()
    claim_reconcile(context, spec(), "ada")
    end(context)
    (told,) = heard.records(EventName.RUN)
    assert (told[Attribute.OPERATION], told[Attribute.KIND]) == (FIRST, "reconcile")
    assert (told[Attribute.STATE], told.get(Attribute.CODE)) == (state, code)


def test_an_end_that_was_reported_is_not_reported_again(heard: Heard) -> None:
    context = new_context()
    claim_reconcile(context, spec(), "ada")
    context.store.save_result(FinishInput(cluster="demo", generation=1, result="succeeded"))
    lost_and_sent_again(context)
    assert heard.records(EventName.RUN) == []


def test_a_cluster_whose_group_was_deleted_outside_is_reported_as_removed(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its removal, which deletes the secrets too, is reported as every other one."""
    with simulation(Scenario(6, tasks=3, cluster="demo")) as made:
        made.apply()
        made.engine.finish()
        made.services.cloud.group = None
        heard.clear()
        client: Any = None
        monkeypatch.setattr(groups, "claim_context", lambda _: made.context)
        on_group_event(group_deleted(made.services.settings.subscription_id), client)
        on_group_event(group_deleted(made.services.settings.subscription_id), client)
        made.engine.finish()
        assert list(made.services.vault.secrets) == ["slack-webhook"]
        assert made.services.store.need_record("demo")[0].state == "deleted"
    (told,) = heard.records(EventName.RUN)
    assert (told[Attribute.OPERATION], told[Attribute.STATE]) == ("demo-000002", "succeeded")


def group_deleted(subscription: str) -> func.CloudEvent:
    return func.CloudEvent(
        id="1",
        source=f"/subscriptions/{subscription}",
        type=DELETED,
        specversion="1.0",
        subject=f"/subscriptions/{subscription}/resourceGroups/demo-rg",
        data={"operationName": OPERATIONS[DELETED][0]},
    )


def test_a_receiver_that_never_answers_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an end is sent at once, not with the next batch."""
    asked, over = threading.Event(), threading.Event()

    class Silent(logs.NoOpLoggerProvider):
        def force_flush(self) -> bool:
            asked.set()
            return over.wait()

    monkeypatch.setattr(logs, "get_logger_provider", Silent)
    monkeypatch.setattr(spans, "FLUSH_SECONDS", 0.01)
    ended = FinishInput(cluster="demo", generation=1, result="succeeded")
    spans.record_end(ended, "reconcile")
    assert asked.wait(10)
    over.set()
