"""When a repeated request joins the run in progress, within a version and across versions."""

import json
from typing import Any

import pytest

from clients.settings import Settings
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from cluster.strict_parsing import plain_json, plain_yaml
from planning.dry_run import with_defaults
from runs.claims import claim_reconcile
from runs.previous import BusyError
from runs.starts import Claim, ClaimContext
from tests.cluster.other_versions import shuffled
from tests.runs.memory import engine, new_context

SENT: dict[str, Any] = {
    "etcd": {"count": 3},
    "workers": [{"name": "worker", "count": 2, "labels": {"b": "1", "a": "2"}}],
}
YAML = """
etcd: {count: 3}
workers:
- {name: worker, count: 2, labels: {a: '2', b: '1'}}
"""


def put(context: ClaimContext, sent: dict[str, Any], mirror: str = "") -> Claim:
    """A PUT to an installation whose settings name that mirror."""
    default = {"url": f"https://{mirror}", "manifestSha256": "a" * 64} if mirror else None
    settings = Settings("s", "v", "c", default_artifacts=default)
    spec = with_defaults(parse_spec(sent, "demo"), settings)
    return claim_reconcile(context, spec, "ada", sent=sent)


@pytest.fixture
def context() -> ClaimContext:
    return new_context()


def written_by_earlier_version(context: ClaimContext) -> None:
    """The record as a version without the hash of the request wrote it."""
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    document = json.loads(record.model_dump_json())
    assert document["operation"].pop("request_hash")
    context.store.save_record(ClusterRecord.model_validate(document), etag)


def test_the_same_document_joins_although_the_defaults_differ(context: ClaimContext) -> None:
    first = put(context, SENT, "mirror-x.example.org")
    second = put(context, SENT, "mirror-y.example.org")
    assert second.joined
    assert second.operation == first.operation
    assert len(engine(context).starts) == 1


def test_the_running_operation_keeps_the_defaults_that_it_was_claimed_with(
    context: ClaimContext,
) -> None:
    put(context, SENT, "mirror-x.example.org")
    put(context, SENT, "mirror-y.example.org")
    record = context.store.need_record("demo")[0]
    assert record.spec["artifacts"]["url"] == "https://mirror-x.example.org"


@pytest.mark.parametrize(
    "again",
    [
        shuffled(SENT, 1),
        shuffled(SENT, 2),
        plain_json(json.dumps(SENT, indent=2)),
        plain_yaml(YAML),
        {**SENT, "name": "demo"},
    ],
)
def test_order_format_and_the_name_of_the_url_do_not_make_another_request(
    context: ClaimContext, again: dict[str, Any]
) -> None:
    put(context, SENT, "mirror-x.example.org")
    assert put(context, again, "mirror-y.example.org").joined


def test_a_default_that_is_written_out_joins_while_the_defaults_are_the_same(
    context: ClaimContext,
) -> None:
    put(context, SENT)
    assert put(context, SENT | {"location": "westeurope"}).joined
    assert put(context, {"workers": [{**SENT["workers"][0], "osDiskGiB": 64}]}).joined
    assert len(engine(context).starts) == 1


def test_a_default_that_is_written_out_is_refused_while_another_default_runs(
    context: ClaimContext,
) -> None:
    put(context, SENT, "mirror-x.example.org")
    with pytest.raises(BusyError):
        put(context, SENT | {"location": "westeurope"}, "mirror-y.example.org")
    assert len(engine(context).starts) == 1


def test_another_document_is_refused_although_an_earlier_version_claimed(
    context: ClaimContext,
) -> None:
    put(context, SENT)
    written_by_earlier_version(context)
    with pytest.raises(BusyError):
        put(context, SENT | {"etcd": {"count": 5}})


def test_a_record_without_the_hash_of_the_request_joins_by_its_meaning(
    context: ClaimContext,
) -> None:
    put(context, SENT)
    written_by_earlier_version(context)
    assert put(context, SENT).joined
    assert put(context, SENT | {"location": "westeurope"}).joined


def test_requests_without_a_document_do_not_join_by_having_none(context: ClaimContext) -> None:
    claim_reconcile(context, parse_spec(SENT, "demo"), "ada")
    with pytest.raises(BusyError):
        claim_reconcile(context, parse_spec(SENT | {"etcd": {"count": 5}}, "demo"), "ada")
