"""The tag of a resource group: whatever its text, the cluster stays within the profile's bounds."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster import names
from cluster.faults import SpecRefusedError
from cluster.profiles import BUILT_IN, cluster_name, spec_from_tag
from cluster.spec_rules import parse_spec
from tests.cluster.specs import TRICKS

KEYS = st.sampled_from(["workers", "etcd", "controlPlane", "artifacts", "proxy", "image", "name"])
VALUES = st.integers(-5, 10_000).map(str) | st.text(max_size=6) | st.sampled_from(TRICKS)
PARTS = st.lists(st.tuples(KEYS | st.text(max_size=8), VALUES).map("=".join), max_size=5)
TAGS = st.tuples(st.sampled_from(sorted(BUILT_IN)) | st.text(max_size=8), PARTS).map(
    lambda tag: ";".join([tag[0], *tag[1]])
)
FREE = {"name", "resourceGroup", "location", "workers", "etcd", "controlPlane"}


def made(tag: str) -> dict[str, Any] | None:
    try:
        return spec_from_tag(tag, "team-a", "West Europe", BUILT_IN)
    except SpecRefusedError as error:
        faults = error.faults
    assert faults
    assert all(fault.message and fault.allowed for fault in faults)
    assert all(fault.path.startswith("slipway") for fault in faults)
    return None


@given(TAGS | st.text(max_size=400))
@example("small;workers=6")
@example("small;workers=٣")
@example("small;workers=5;workers=1")
@example("standard;etcd=4")
@example("small;" + " " * 300 + "workers=99")
def test_no_tag_leaves_its_profiles_bounds(tag: str) -> None:
    document = made(tag)
    if document is None:
        return
    profile = BUILT_IN[tag.partition(";")[0].strip()]
    assert set(document) <= FREE
    spec = parse_spec(document)
    counts = {
        "workers": sum(pool.count for pool in spec.workers),
        "etcd": spec.etcd.count,
        "controlPlane": spec.control_plane.count,
    }
    for key, count in counts.items():
        bound = profile.bounds.get(key)
        own = profile.spec.get(key, {"count": 2})["count"]
        assert bound.admits(count) or count == own if bound else count == own, (key, count)
    assert [pool.name for pool in spec.workers] == ["worker"]


@pytest.mark.parametrize("number", range(12))
def test_bounds_are_reached_and_not_passed(number: int) -> None:
    assert (made(f"small;workers={number}") is not None) == (1 <= number <= 5)
    assert (made(f"standard;etcd={number}") is not None) == (number in (3, 5))
    assert made(f"small;etcd={number}") is None


@given(st.text(max_size=90))
def test_any_groups_name_gives_a_clusters_name(group: str) -> None:
    assert re.fullmatch(names.CLUSTER_NAME, cluster_name(group))
