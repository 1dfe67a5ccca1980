"""Networks, security groups and balancers, held to the shapes of recorded exchanges.

Sources, all Azure/azure-cli, network/tests/latest/recordings: test_network_vnet.yaml (recorded
2023-12-14, API version 2022-01-01), test_network_nsg.yaml (2022-05-12, 2021-08-01),
test_network_lb_rules.yaml (2022-10-13, 2022-01-01), test_network_lb_probes.yaml (2021-10-11,
2021-03-01), test_network_lb_sku.yaml (2020-02-06, 2019-11-01: outbound rules). Names and types
only. The recorded frontends are public; those of clusters have a subnet instead.
"""

from typing import Any

from lab.tests.arm.conftest import Azure
from lab.tests.arm.samples import SUBNET, network, one_machine, resource, subnet, template
from lab.tests.standins.shapes import differences

NETWORKS = "Microsoft.Network/virtualNetworks"
GROUPS = "Microsoft.Network/networkSecurityGroups"
BALANCERS = "Microsoft.Network/loadBalancers"
REFERENCE = {"id": str}
PART = {"name": str, "id": str, "etag": str, "type": str}
RESOURCE = PART | {"location": str, "tags": dict}
STATE = {"provisioningState": str}
SUBNET_SHAPE: dict[str, Any] = PART | {
    "properties": STATE
    | {
        "addressPrefix": str,
        "delegations": list,
        "privateEndpointNetworkPolicies": str,
        "privateLinkServiceNetworkPolicies": str,
    }
}
NETWORK: dict[str, Any] = RESOURCE | {
    "properties": STATE
    | {
        "resourceGuid": str,
        "addressSpace": {"addressPrefixes": [str]},
        "subnets": [SUBNET_SHAPE],
        "virtualNetworkPeerings": list,
        "enableDdosProtection": bool,
    }
}
RULE: dict[str, Any] = PART | {
    "properties": STATE
    | {
        "protocol": str,
        "sourcePortRange": str,
        "destinationPortRange": str,
        "sourceAddressPrefix": str,
        "destinationAddressPrefix": str,
        "access": str,
        "priority": int,
        "direction": str,
        "sourcePortRanges": list,
        "destinationPortRanges": list,
        "sourceAddressPrefixes": list,
        "destinationAddressPrefixes": list,
    }
}
SECURITY_GROUP: dict[str, Any] = RESOURCE | {
    "properties": STATE
    | {"resourceGuid": str, "securityRules": [RULE], "defaultSecurityRules": [RULE]}
}
USED = {"loadBalancingRules": [REFERENCE]}
BALANCER: dict[str, Any] = RESOURCE | {
    "sku": {"name": str, "tier": str},
    "properties": STATE
    | {
        "resourceGuid": str,
        "frontendIPConfigurations": [
            PART
            | {
                "properties": STATE
                | USED
                | {"privateIPAllocationMethod": str, "privateIPAddress": str, "subnet": REFERENCE}
            }
        ],
        "backendAddressPools": [PART | {"properties": STATE | USED}],
        "loadBalancingRules": [
            PART
            | {
                "properties": STATE
                | {
                    "frontendIPConfiguration": REFERENCE,
                    "frontendPort": int,
                    "backendPort": int,
                    "enableFloatingIP": bool,
                    "enableTcpReset": bool,
                    "idleTimeoutInMinutes": int,
                    "protocol": str,
                    "loadDistribution": str,
                    "backendAddressPool": REFERENCE,
                    "backendAddressPools": [REFERENCE],
                }
            }
        ],
        "probes": [
            PART
            | {
                "properties": STATE
                | {"protocol": str, "port": int, "intervalInSeconds": int, "numberOfProbes": int}
            }
        ],
        "inboundNatRules": list,
        "inboundNatPools": list,
        "outboundRules": list,
    },
}


def security_group() -> dict[str, Any]:
    rule = {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "22",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": 1000,
        "direction": "Inbound",
    }
    return resource(GROUPS, "nsg", {"securityRules": [{"name": "ssh", "properties": rule}]})


def balancer() -> dict[str, Any]:
    """As little as a working one needs: what is not named here, the service adds."""

    def part(collection: str, name: str) -> dict[str, str]:
        return {"id": f"[resourceId('{BALANCERS}/{collection}', 'lb', '{name}')]"}

    rule = {
        "protocol": "Tcp",
        "frontendPort": 6443,
        "backendPort": 6443,
        "frontendIPConfiguration": part("frontendIPConfigurations", "front"),
        "backendAddressPool": part("backendAddressPools", "pool"),
        "probe": part("probes", "alive"),
    }
    properties = {
        "frontendIPConfigurations": [
            {"name": "front", "properties": {"subnet": {"id": SUBNET}}},
        ],
        "backendAddressPools": [{"name": "pool"}],
        "probes": [{"name": "alive", "properties": {"protocol": "Tcp", "port": 6443}}],
        "loadBalancingRules": [{"name": "api", "properties": rule}],
    }
    needs = ["[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'one')]"]
    return resource(BALANCERS, "lb", properties, sku={"name": "Standard"}, dependsOn=needs)


def test_a_network_and_its_subnet_have_the_recorded_shapes(azure: Azure, group: str) -> None:
    azure.deploy(template(network(), subnet()))
    whole = azure.resource(f"{NETWORKS}/net")
    assert differences(NETWORK, whole) == []
    alone = azure.resource(f"{NETWORKS}/net/subnets/one")
    assert differences(SUBNET_SHAPE, alone) == []
    assert whole["properties"]["subnets"] == [alone]
    assert {"location", "tags"}.isdisjoint(alone)
    assert "resourceGuid" not in alone["properties"]


def test_a_security_group_has_the_recorded_shape_and_default_rules(
    azure: Azure, group: str
) -> None:
    azure.deploy(template(security_group()))
    found = azure.resource(f"{GROUPS}/nsg")
    assert differences(SECURITY_GROUP, found) == []
    (own,) = found["properties"]["securityRules"]
    assert own["id"] == f"{found['id']}/securityRules/ssh"
    assert own["type"] == f"{GROUPS}/securityRules"
    places = {
        (rule["properties"]["direction"], rule["properties"]["priority"])
        for rule in found["properties"]["defaultSecurityRules"]
    }
    numbers = (65000, 65001, 65500)
    assert places == {(side, n) for side in ("Inbound", "Outbound") for n in numbers}


def test_default_rules_are_shown_and_are_not_sent_to_the_fabric(azure: Azure, group: str) -> None:
    target = f"[resourceId('{GROUPS}', 'nsg')]"
    whole = one_machine()
    one = whole["resources"][1]
    one["properties"]["networkSecurityGroup"] = {"id": target}
    one["dependsOn"].append(target)
    whole["resources"].append(security_group())
    azure.deploy(whole)
    ((told,),) = (made.subnets for made in azure.fabric.networks[-1].networks)
    assert [rule.name for rule in told.rules] == ["ssh"]


def test_a_balancer_has_the_recorded_shape(azure: Azure, group: str) -> None:
    ended = azure.deploy(template(network(), subnet(), balancer()))
    assert ended["properties"]["provisioningState"] == "Succeeded", ended
    found = azure.resource(f"{BALANCERS}/lb")
    assert differences(BALANCER, found) == []
    rule = f"{found['id']}/loadBalancingRules/api"
    for collection in ("frontendIPConfigurations", "backendAddressPools", "probes"):
        (part,) = found["properties"][collection]
        assert part["properties"]["loadBalancingRules"] == [{"id": rule}]
