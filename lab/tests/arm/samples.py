"""Templates for the tests, as small as their resources allow."""

import base64
from typing import Any

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
NETWORK, COMPUTE, DISKS = "2025-09-01", "2026-04-01", "2026-03-02"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoyFhZM6TVmyBPGkAg0VfVvkEcVfGq0Z0Zk8oDXU2zB"
# Of what is neither network nor compute.
VERSIONS = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Authorization/roleDefinitions": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2026-02-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Storage/storageAccounts": "2026-04-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2026-04-01",
    "Microsoft.Web/serverfarms": "2025-03-01",
    "Microsoft.Web/sites": "2025-03-01",
}
DATA = base64.b64encode(b"#cloud-config\n").decode()
SUBNET = "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'one')]"


def template(*resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "resources": list(resources),
        **sections,
    }


def resource(kind: str, name: str, properties: Any = None, **more: Any) -> dict[str, Any]:
    version = DISKS if kind.endswith("/disks") else COMPUTE if "Compute" in kind else NETWORK
    return {
        "type": kind,
        "apiVersion": version,
        "name": name,
        "location": "westeurope",
        "properties": properties or {},
        **more,
    }


def network(prefix: str = "10.0.0.0/16", **properties: Any) -> dict[str, Any]:
    body = {"addressSpace": {"addressPrefixes": [prefix]}, **properties}
    return resource("Microsoft.Network/virtualNetworks", "net", body)


def subnet(name: str = "one", prefix: str = "10.0.1.0/24", **properties: Any) -> dict[str, Any]:
    found = resource(
        "Microsoft.Network/virtualNetworks/subnets",
        f"net/{name}",
        {"addressPrefix": prefix, **properties},
        dependsOn=["[resourceId('Microsoft.Network/virtualNetworks', 'net')]"],
    )
    del found["location"]
    return found


def address(name: str = "ip") -> dict[str, Any]:
    return resource(
        "Microsoft.Network/publicIPAddresses",
        name,
        {"publicIPAllocationMethod": "Static"},
        sku={"name": "Standard"},
    )


def interface(
    name: str = "nic", private: str | None = "10.0.1.4", **configuration: Any
) -> dict[str, Any]:
    """With a static address, or a dynamic one where `private` is None."""
    own: dict[str, Any] = {"subnet": {"id": SUBNET}, "privateIPAllocationMethod": "Dynamic"}
    if private:
        own |= {"privateIPAllocationMethod": "Static", "privateIPAddress": private}
    configurations = [{"name": "primary", "properties": {**own, **configuration}}]
    return resource(
        "Microsoft.Network/networkInterfaces", name, {"ipConfigurations": configurations}
    )


def machine(
    name: str = "vm", nic: str = "nic", data: str = DATA, key: str = KEY, **more: Any
) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {
            "imageReference": {
                "publisher": "Debian",
                "offer": "debian-13",
                "sku": "13-gen2",
                "version": "0.20260914.2601",
            },
            "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            "dataDisks": more.pop("dataDisks", []),
        },
        "osProfile": {
            "computerName": name,
            "adminUsername": "slipway",
            "customData": data,
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "ssh": {
                    "publicKeys": [{"path": "/home/slipway/.ssh/authorized_keys", "keyData": key}]
                },
            },
        },
        "networkProfile": {
            "networkInterfaces": [
                {
                    "id": f"[resourceId('Microsoft.Network/networkInterfaces', '{nic}')]",
                    "properties": {"deleteOption": "Delete"},
                }
            ]
        },
    }
    return resource("Microsoft.Compute/virtualMachines", name, properties, **more)


def one_machine(**more: Any) -> dict[str, Any]:
    """A network with one machine on it."""
    nic, vm = interface(), machine(**more)
    nic["dependsOn"] = ["[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'one')]"]
    vm["dependsOn"] = [*vm.get("dependsOn", []), "nic"]
    return template(network(), subnet(), nic, vm)


def nested(name: str, inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A nested deployment in inner scope."""
    parameters = more.pop("parameters", {})
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2025-04-01",
        "name": name,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "template": inner,
            "parameters": parameters,
        },
        **more,
    }


def make(type_: str, name: str, properties: Any = None, **more: Any) -> dict[str, Any]:
    """Of a kind that `VERSIONS` knows."""
    located = {} if "Authorization" in type_ or type_.count("/") > 1 else {"location": "westeurope"}
    return {
        "type": type_,
        "apiVersion": VERSIONS[type_],
        "name": name,
        "properties": properties or {},
        **located,
        **more,
    }


def account(**properties: Any) -> dict[str, Any]:
    return make(
        "Microsoft.Storage/storageAccounts",
        "records",
        properties,
        sku={"name": "Standard_LRS"},
        kind="StorageV2",
    )
