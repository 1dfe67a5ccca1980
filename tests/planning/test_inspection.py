"""What is there, what fits and what ARM would refuse, before anything is created."""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request

import clients.services
from clients.services import Services
from clients.settings import Settings
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.sizes import Offer
from cluster.spec_rules import parse_spec
from planning import inspection
from tests.clients.conftest import SUBSCRIPTION, Script

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourcegroups/demo-rg"
COMPUTE = "providers/Microsoft.Compute"
NONE = "Sizes that would do: none is offered"


@pytest.fixture(autouse=True)
def _services(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Services(settings)
    monkeypatch.setattr(clients.services, "_services", lambda: made)


def plan(**spec: Any) -> Plan:
    parsed = parse_spec({"name": "demo", "etcd": {"count": 3}, **spec})
    return make_plan(parsed, ClusterRecord(name="demo", uid="u", generation=1), [])


def faults_of(wanted: Plan) -> Iterator[str]:
    found = inspection.capacity_faults(wanted, inspection.offer_for(wanted))
    return (fault.text for fault in found)


def offer(script: Script, *skus: dict[str, Any], **quota: tuple[int, int]) -> None:
    script.on("GET", f"{ROOT}/{COMPUTE}/skus", (200, {"value": list(skus)}))
    usages = [
        {"name": {"value": name}, "currentValue": current, "limit": limit}
        for name, (current, limit) in quota.items()
    ]
    script.on("GET", f"{ROOT}/{COMPUTE}/locations/westeurope/usages", (200, {"value": usages}))


def sku(name: str, family: str = "standardDSv5Family", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": family,
        "locationInfo": [{"location": "westeurope", "zones": ["1", "2"]}],
        "capabilities": [{"name": "vCPUs", "value": "2"}],
        **more,
    }


OFFERED = (
    sku("Standard_B2s_v2", "standardBsv2Family"),
    sku("Standard_D2s_v5"),
    sku("Standard_D4s_v5", capabilities=[{"name": "vCPUs", "value": "4"}]),
)


def test_what_fits_has_no_faults(script: Script) -> None:
    offer(script, *OFFERED, cores=(0, 100), standardDSv5Family=(0, 16), virtualMachines=(0, 7))
    # 3 etcd + 1 control plane of 2 cores, 2 workers of 4: exactly 16 of the family, 7 machines.
    assert list(faults_of(plan())) == []


def test_every_quota_that_is_exceeded_is_reported_with_what_is_free(script: Script) -> None:
    offer(script, *OFFERED, cores=(90, 100), StandardDSv5family=(1, 16), virtualMachines=(1, 7))
    assert list(faults_of(plan())) == [
        "quota cores in westeurope: 18 more needed, 10 of 100 free",
        "quota virtualMachines in westeurope: 7 more needed, 6 of 7 free",
        "quota standardDSv5Family in westeurope: 16 more needed, 15 of 16 free",
    ]


def test_sizes_and_zones_that_are_not_offered_are_reported(script: Script) -> None:
    restricted = [{"type": "Location", "reasonCode": "NotAvailableForSubscription"}]
    offer(script, OFFERED[0], sku("Standard_D2s_v5", restrictions=restricted))
    faults = list(faults_of(plan(zones=["1", "3"])))
    assert faults == [
        "controller.vmSize: VM size Standard_B2s_v2 is not in zone 3 of westeurope. " + NONE,
        "etcd.vmSize: VM size Standard_D2s_v5 is not available in westeurope "
        "(NotAvailableForSubscription). " + NONE,
        "controlPlane.vmSize: VM size Standard_D2s_v5 is not available in westeurope "
        "(NotAvailableForSubscription). " + NONE,
        "workers[0].vmSize: VM size Standard_D4s_v5 is not offered in westeurope. " + NONE,
    ]


def test_a_plan_is_fitted_to_what_the_location_offers(script: Script) -> None:
    premium = [{"name": "vCPUs", "value": "2"}, {"name": "PremiumIO", "value": "True"}]
    count = [{"name": "MaximumPlatformFaultDomainCount", "value": "3"}]
    sets = {"resourceType": "availabilitySets", "name": "Aligned", "capabilities": count}
    offer(script, sets, OFFERED[0], sku("Standard_D2s_v5", capabilities=premium))
    spec = parse_spec({"name": "demo"})
    made, offered = inspection.plan_of(spec, ClusterRecord(name="demo", uid="u", generation=1))
    assert (made.fault_domains, offered.fault_domains) == (3, 3)
    found = {part.part: part.parameters for part in made.deployments}
    assert found["etcd-0"]["diskType"] == "Premium_LRS"
    assert found["controller"]["diskType"] == "StandardSSD_LRS"


def test_nothing_is_asked_of_the_location_where_no_machine_is_missing(script: Script) -> None:
    whole = plan()
    complete = make_plan(whole.spec, ClusterRecord(name="demo", uid="u"), whole.missing)
    assert inspection.offer_for(complete) == Offer({})
    assert script.asked == []


def test_machines_that_failed_or_belong_to_others_are_not_counted_as_there(script: Script) -> None:
    states = {
        "demo-etcd-0": "Succeeded",
        "demo-controller": "Updating",
        "demo-etcd-1": "Failed",
        "demo-etcd-2": "Deleting",
        "other-etcd-0": "Succeeded",
    }
    vms = [{"name": n, "properties": {"provisioningState": s}} for n, s in states.items()]
    script.on("GET", GROUP, (200, {"name": "demo-rg", "location": "westeurope"}))
    path = f"{ROOT}/resourceGroups/demo-rg/{COMPUTE}/virtualMachines"
    script.on("GET", path, (200, {"value": vms}))
    assert inspection.existing_machines("demo-rg", "demo") == ["demo-etcd-0", "demo-controller"]
    assert inspection.existing_machines("another-rg", "demo") == []


@pytest.mark.parametrize(
    ("power", "kept"),
    [("PowerState/running", True), ("PowerState/deallocated", False), ("", False)],
)
def test_a_failed_machine_is_kept_only_if_it_runs(
    script: Script, power: str, *, kept: bool
) -> None:
    failed = {"name": "demo-etcd-1", "properties": {"provisioningState": "Failed"}}
    script.on("GET", GROUP, (200, {"name": "demo-rg", "location": "westeurope"}))
    path = f"{ROOT}/resourceGroups/demo-rg/{COMPUTE}/virtualMachines"
    script.on("GET", path, (200, {"value": [failed]}))
    view = {"statuses": [{"code": "ProvisioningState/failed"}, {"code": power}]}
    shown = failed | {"properties": {"provisioningState": "Failed", "instanceView": view}}
    script.on("GET", f"{path}/demo-etcd-1", (200, shown))
    found = inspection.existing_machines("demo-rg", "demo")
    assert found == (["demo-etcd-1"] if kept else [])


@pytest.mark.parametrize("exists", [True, False])
def test_every_template_is_validated_where_its_group_is_or_will_be(
    script: Script, exists: bool
) -> None:
    refused = {"error": {"code": "InvalidTemplate", "message": "no good"}}
    names: list[str] = []

    def judge(request: Request) -> tuple[int, Any]:
        body = request.get_json()["properties"]["template"]
        names.append(body["$schema"].rpartition("/")[2])
        inner = body if exists else body["resources"][1]["properties"]["template"]
        return (400, refused) if "natAddress" in str(inner) else (200, {})

    scope = GROUP if exists else ROOT
    name = "providers/Microsoft.Resources/deployments/slipway-validation/validate"
    script.on("POST", f"{scope}/{name}", judge)
    wanted = plan()
    faults = list(inspection.template_faults(wanted, group_exists=exists))
    first = wanted.deployments[0]
    assert [(fault.text, fault.place) for fault in faults] == [
        ("no good (InvalidTemplate)", f"template {first.part}")
    ]
    kind = "deploymentTemplate" if exists else "subscriptionDeploymentTemplate"
    assert names == [f"{kind}.json#"] * len(wanted.deployments)
    assert "PRIVATE" not in str([request.get_data() for request in script.asked])
