"""The faults of a spec in the words of the file that has them."""

from typing import Any

import pytest

from cluster.faults import Fault, SpecRefusedError
from cluster.spec_rules import parse_spec


def fault(fields: dict[str, Any]) -> Fault:
    with pytest.raises(SpecRefusedError) as refused:
        parse_spec({"name": "demo"} | fields)
    (found,) = refused.value.faults
    return found


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"workers": {"name": "a"}}, "workers", "should be a list"),
        ({"zones": "1"}, "zones", "should be a list, and is text"),
        ({"etcd": [3]}, "etcd", "should be a mapping"),
        ({"network": None}, "network", "has no value; should be a mapping, or be left out"),
        ({"tags": [1]}, "tags", "should be a mapping"),
        ({"tags": {"a": 5}}, "tags.a", "should be text, and is a number: quote it"),
        ({"tags": {"<": "5"}}, "tags.<", "has another form"),
        ({"location": False}, "location", "should be text, and is a truth value: quote it"),
        ({"kubernetes": {"version": 1.36}}, "kubernetes.version", "is a number: quote it"),
        ({"kubernetes": {"version": "1.20"}}, "kubernetes.version", "has another form"),
        ({"controller": {"keep": "yes"}}, "controller.keep", "should be true or false, and is"),
        ({"etcd": {"dataDiskGiB": 3.5}}, "etcd.dataDiskGiB", "should be a whole number"),
        ({"etcd": {"dataDiskGiB": 3}}, "etcd.dataDiskGiB", "should be at least 4"),
        ({"etcd": {"dataDiskGiB": 9999}}, "etcd.dataDiskGiB", "should be at most 4096"),
        ({"controlPlane": {"count": 2}}, "controlPlane.count", "should be 1, 3 or 5"),
        ({"workers": [{"count": 1}]}, "workers[0].name", "is required"),
        ({"zones": ["1", "2", "3", "1"]}, "zones", "should have at most 3 items"),
    ],
)
def test_a_fault_speaks_of_yaml_and_not_of_python(
    fields: dict[str, Any], path: str, words: str
) -> None:
    found = fault(fields)
    assert found.path == path
    assert words in found.message


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"worker": []}, "workers"),
        ({"control-plane": {}}, "controlPlane"),
        ({"etcd": {"vmsize": "x"}}, "vmSize"),
        ({"workers": [{"name": "a", "osDiskGB": 30}]}, "osDiskGiB"),
        ({"controlPlane": {"publicApi": {"allowedSources": ["9.9.9.9/32"], "xyz": 1}}}, ""),
        ({"playbook": {"through": "controlplane"}}, "control-plane"),
        ({"quux": 1}, ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_closest_one(
    fields: dict[str, Any], meant: str
) -> None:
    found = fault(fields)
    assert ("did you mean" in found.message) is bool(meant)
    assert meant in found.message


def test_an_unknown_field_is_answered_with_those_that_are_there() -> None:
    taint = {"key": "a", "effect": "NoExecute", "operator": "Exists"}
    found = fault({"workers": [{"name": "a", "taints": [taint]}]})
    assert found.allowed.startswith("key, value, effect")


def test_a_field_that_would_hold_credentials_is_told_where_they_belong() -> None:
    registry = {"host": "r.example.com", "mirrors": ["https://m"], "password": "hunter2"}
    found = fault({"registries": [registry]})
    assert "imagePullSecrets" in found.allowed
    assert "hunter2" not in found.message + found.allowed
