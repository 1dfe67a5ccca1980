"""Fields of the stored spec that a caller sends back need no consent; changed ones do."""

from typing import Any

import pytest

from cluster import keys, names
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from planning.consent import stored_spec
from tests.planning.test_consent import AUTHORITY, FIELDS, MIRROR, refused, settings
from tests.runs.memory import new_context

OTHER_AUTHORITY = keys.new_authority("other")[1]
REGISTRY = {
    "host": "docker.io",
    "mirrors": ["https://mirror.example.org", "https://second.example.org"],
    "caCertificates": [AUTHORITY],
}
PROXY = {"http": "http://proxy.example.org:3128", "noProxy": ["10.1.0.0/16"]}
STORED: dict[str, Any] = {
    "artifacts": MIRROR,
    "proxy": PROXY,
    "registries": [REGISTRY, {"host": "quay.io", "mirrors": ["https://mirror.example.org"]}],
    "trustedCertificates": [OTHER_AUTHORITY],
    "slack": {"secret": "webhook"},
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_equals_the_stored_one_needs_no_consent(field: str) -> None:
    assert refused(settings(), STORED, **{field: STORED[field]}) == []
    assert refused(settings(), None, **{field: STORED[field]})


def test_the_stored_spec_is_sent_back_with_another_count_of_workers() -> None:
    grown = STORED | {"workers": [{"name": "worker", "count": 7}]}
    assert refused(settings(), STORED, **grown) == []


CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another manifest": ({"artifacts": MIRROR | {"manifestSha256": "b" * 64}}, ["artifacts.url"]),
    "a path below": ({"artifacts": MIRROR | {"url": f"{MIRROR['url']}/x"}}, ["artifacts.url"]),
    "another port": ({"proxy": PROXY | {"http": "http://proxy.example.org:80"}}, ["proxy.http"]),
    "fewer exceptions": ({"proxy": {"http": PROXY["http"]}}, ["proxy.http"]),
    "another order of mirrors": (
        {"registries": [REGISTRY | {"mirrors": REGISTRY["mirrors"][::-1]}]},
        [
            "registries[0].host",
            "registries[0].mirrors[0]",
            "registries[0].mirrors[1]",
            "registries[0].caCertificates[0]",
        ],
    ),
    "the mirror of another host": (
        {"registries": [REGISTRY, {"host": "ghcr.io", "mirrors": ["https://mirror.example.org"]}]},
        ["registries[1].host", "registries[1].mirrors[0]"],
    ),
    "an authority of a registry for everything": (
        {"trustedCertificates": [OTHER_AUTHORITY, AUTHORITY]},
        ["trustedCertificates[1]"],
    ),
    "an authority of everything for a registry": (
        {"registries": [REGISTRY | {"caCertificates": [OTHER_AUTHORITY]}]},
        [
            "registries[0].host",
            "registries[0].mirrors[0]",
            "registries[0].mirrors[1]",
            "registries[0].caCertificates[0]",
        ],
    ),
    "another secret": ({"slack": {"secret": "webhook-2"}}, ["slack.secret"]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_of_a_stored_field_needs_consent(case: str) -> None:
    changes, paths = CHANGES[case]
    assert refused(settings(), STORED, **(STORED | changes)) == paths


def test_a_part_of_the_stored_lists_needs_no_consent() -> None:
    less = {"registries": STORED["registries"][1:], "trustedCertificates": []}
    assert refused(settings(), STORED, **(STORED | less)) == []


@pytest.mark.parametrize(
    ("state", "known"),
    [("ready", True), ("failed", True), ("running", True), ("deleting", False), ("deleted", False)],
)
def test_only_the_spec_of_a_cluster_that_stays_counts_as_stored(state: Any, known: bool) -> None:
    store = new_context().store
    spec = parse_spec({"name": "demo"} | STORED)
    record = ClusterRecord(name="demo", uid="00000001", state=state, spec=spec.document())
    store.create_record(record)
    assert stored_spec(store, "demo") == (spec if known else None)
    assert stored_spec(store, "other") is None


def test_a_record_or_a_spec_that_cannot_be_read_is_no_stored_spec() -> None:
    store = new_context().store
    store.blobs.write(names.record_blob("broken"), b"{")
    store.create_record(ClusterRecord(name="refused", uid="00000002"))
    assert (stored_spec(store, "broken"), stored_spec(store, "refused")) == (None, None)
