"""The spec: defaults, and every fault at once with its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.faults import SpecRefusedError
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.stages import STAGE_IDS

PUBLIC = "controlPlane.publicApi.allowedSources"


def open_to(*sources: str) -> dict[str, Any]:
    return {"publicApi": {"allowedSources": list(sources)}}


def faults(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SpecRefusedError) as refused:
        parse_spec(document)
    return {fault.path: fault.message for fault in refused.value.faults}


def test_everything_but_the_name_has_a_default() -> None:
    spec = parse_spec({"name": "demo"})
    assert (spec.group, spec.etcd.count, spec.control_plane.count) == ("demo-rg", 3, 1)
    assert spec.stages == STAGE_IDS


def test_a_dump_is_the_same_spec_again() -> None:
    spec = parse_spec({"name": "demo", "workers": [{"name": "gpu", "count": 1}]})
    assert ClusterSpec.model_validate(spec.model_dump(mode="json", by_alias=True)) == spec


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": "Demo"}, "name"),
        ({"name": "a" * 25}, "name"),
        ({"name": "demo; rm -rf /"}, "name"),
        ({"name": "demo", "color": "red"}, "color"),
        ({"name": "demo", "etcd": {"count": 2}}, "etcd.count"),
        ({"name": "demo", "etcd": {"count": "3"}}, "etcd.count"),
        ({"name": "demo", "controlPlane": {"count": 4}}, "controlPlane.count"),
        ({"name": "demo", "kubernetes": {"podCidr": "11.1.0.0/16"}}, "kubernetes.podCidr"),
        ({"name": "demo", "kubernetes": {"podCidr": "10.0.0.0/16"}}, "kubernetes.podCidr"),
        ({"name": "demo", "kubernetes": {"podCidr": "10.244.0.0/24"}}, "kubernetes.podCidr"),
        ({"name": "demo", "kubernetes": {"serviceCidr": "10.96.0.0/10"}}, "kubernetes.serviceCidr"),
        ({"name": "demo", "network": {"vnetCidr": "10.0.0.1/16"}}, "network.vnetCidr"),
        (
            {"name": "demo", "network": {"subnets": {"etcd": "10.0.1.0/24"}}},
            "network.subnets.etcd",
        ),
        (
            {"name": "demo", "network": {"subnets": {"etcd": "10.0.2.0/29"}}, "etcd": {"count": 5}},
            "network.subnets.etcd",
        ),
        ({"name": "demo", "workers": [{"name": "etcd"}]}, "workers[0].name"),
        ({"name": "demo", "workers": [{"name": "a"}, {"name": "a"}]}, "workers[1].name"),
        ({"name": "demo", "workers": [{"name": "a", "count": 201}]}, "workers[0].count"),
        ({"name": "demo", "adminUser": "admin"}, "adminUser"),
        ({"name": "demo", "tags": {"slipway-cluster": "x"}}, "tags.slipway-cluster"),
        (
            {"name": "demo", "proxy": {"http": "http://user:word@proxy:3128"}},
            "proxy.http",
        ),
        (
            {
                "name": "demo",
                "artifacts": {"url": "https://m/x?sig=1", "manifestSha256": "0" * 64},
            },
            "artifacts.url",
        ),
        ({"name": "demo", "image": {"version": "latest"}}, "image.version"),
        ({"name": "demo", "zones": ["1", "1"]}, "zones"),
        ({"name": "demo", "controlPlane": {"publicApi": {}}}, PUBLIC),
        ({"name": "demo", "controlPlane": open_to()}, PUBLIC),
        ({"name": "demo", "controlPlane": open_to("0.0.0.0/0")}, f"{PUBLIC}[0]"),
        ({"name": "demo", "controlPlane": open_to("8.0.0.0/8", "128.0.0.0/1")}, f"{PUBLIC}[1]"),
        ({"name": "demo", "controlPlane": open_to("10.1.0.0/16")}, f"{PUBLIC}[0]"),
        ({"name": "demo", "controlPlane": open_to("203.0.113.7/24")}, f"{PUBLIC}[0]"),
    ],
)
def test_a_fault_is_reported_with_its_path(document: dict[str, Any], path: str) -> None:
    assert path in faults(document)


def test_all_faults_come_at_once_also_those_that_need_several_fields() -> None:
    found = faults(
        {
            "name": "Demo",
            "etcd": {"count": 2},
            "unknown": 1,
            "kubernetes": {"podCidr": "10.0.0.0/16"},
        }
    )
    assert {"name", "etcd.count", "unknown", "kubernetes.podCidr"} <= set(found)


def test_the_name_in_the_url_counts() -> None:
    assert parse_spec({}, "demo").name == "demo"
    with pytest.raises(SpecRefusedError, match="differs"):
        parse_spec({"name": "other"}, "demo")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = sorted(field.alias or name for name, field in ClusterSpec.model_fields.items())


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), JSON, max_size=6) | JSON)
def test_any_document_is_a_spec_or_refused_with_reasons(document: Any) -> None:
    try:
        spec = parse_spec(document)
    except SpecRefusedError as refused:
        reasons = [fault.message for fault in refused.faults]
    else:
        reasons = [type(spec).__name__]
    assert reasons
    assert all(reasons)
