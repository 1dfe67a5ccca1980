"""The names that ownership is compared by are those that the templates make."""

from typing import Any

import pytest

from cluster.plan import PlannedDeployment
from cluster.planned_resources import planned_resources, resources_of
from tests.arm.deployments import deploy, plan
from tests.arm.expanded import SPECS


def made(wanted: Any, deployment: PlannedDeployment) -> set[tuple[str, str]]:
    """The top-level resources of the evaluated template, and the disks that machines create."""
    found: set[tuple[str, str]] = set()
    for resource in deploy(wanted, deployment.part).resources:
        if resource.type.count("/") == 1:
            found.add((resource.type.lower(), resource.name.lower()))
        profile = resource.body.get("properties", {}).get("storageProfile")
        if profile:
            found.add(("microsoft.compute/disks", profile["osDisk"]["name"].lower()))
    return found


@pytest.mark.parametrize("title", SPECS)
def test_every_resource_that_a_template_makes_is_planned_by_name(title: str) -> None:
    wanted = plan(**SPECS[title])
    everything: set[tuple[str, str]] = set()
    for deployment in wanted.deployments:
        found = made(wanted, deployment)
        assert {one.key for one in resources_of(wanted, deployment)} == found
        everything |= found
    assert {one.key for one in planned_resources(wanted)} == everything


def test_a_machine_that_exists_is_still_compared() -> None:
    wanted = plan(existing=("demo-etcd-0",))
    assert ("microsoft.compute/disks", "demo-etcd-0-data-0") in {
        one.key for one in planned_resources(wanted)
    }
