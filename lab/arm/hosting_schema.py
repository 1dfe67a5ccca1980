"""Properties of a function app's hosting: Microsoft.Web (API version 2025-03-01) and
Microsoft.Storage (2026-04-01).

Source: Microsoft's template reference. An excerpt: what is not here is refused, though Azure may
know it. What the lab gives no meaning to is ANY.
"""

from lab.arm.flex import refused
from lab.arm.schema import ANY, FLAG, NUMBER, TEXT, Shape

SWITCH = ("Disabled", "Enabled")
RETENTION: Shape = {"enabled": FLAG, "days": NUMBER, "allowPermanentDelete": FLAG}
ACLS: Shape = {
    "bypass": TEXT,
    "defaultAction": ("Allow", "Deny"),
    "ipRules": [{"action": ("Allow",), "value": TEXT}],
    "resourceAccessRules": ANY,
    "virtualNetworkRules": [{"action": ("Allow",), "id": TEXT, "state": TEXT}],
}

ACCOUNT: Shape = {
    "accessTier": ("Cold", "Cool", "Hot", "Premium"),
    "allowBlobPublicAccess": FLAG,
    "allowCrossTenantReplication": FLAG,
    "allowSharedKeyAccess": FLAG,
    "allowedCopyScope": ("AAD", "PrivateLink"),
    "defaultToOAuthAuthentication": FLAG,
    "dnsEndpointType": ("AzureDnsZone", "Standard"),
    "encryption": {
        "identity": ANY,
        "keySource": ("Microsoft.Keyvault", "Microsoft.Storage"),
        "keyvaultproperties": ANY,
        "requireInfrastructureEncryption": FLAG,
        "services": ANY,
    },
    "isHnsEnabled": FLAG,
    "isLocalUserEnabled": FLAG,
    "isNfsV3Enabled": FLAG,
    "isSftpEnabled": FLAG,
    "keyPolicy": {"keyExpirationPeriodInDays": NUMBER},
    "largeFileSharesState": SWITCH,
    "minimumTlsVersion": ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"),
    "networkAcls": ACLS,
    "publicNetworkAccess": ("Disabled", "Enabled", "SecuredByPerimeter"),
    "routingPreference": ANY,
    "sasPolicy": ANY,
    "supportsHttpsTrafficOnly": FLAG,
}
ACCOUNT_SKU: Shape = {
    "name": (
        "Premium_LRS", "Premium_ZRS", "Standard_GRS", "Standard_GZRS", "Standard_LRS",
        "Standard_RAGRS", "Standard_RAGZRS", "Standard_ZRS",
    )
}  # fmt: skip
BLOB_SERVICE: Shape = {
    "automaticSnapshotPolicyEnabled": FLAG,
    "changeFeed": ANY,
    "containerDeleteRetentionPolicy": RETENTION,
    "cors": ANY,
    "defaultServiceVersion": TEXT,
    "deleteRetentionPolicy": RETENTION,
    "isVersioningEnabled": FLAG,
    "lastAccessTimeTrackingPolicy": ANY,
    "restorePolicy": ANY,
}
CONTAINER: Shape = {
    "defaultEncryptionScope": TEXT,
    "denyEncryptionScopeOverride": FLAG,
    "immutableStorageWithVersioning": ANY,
    "metadata": ANY,
    "publicAccess": ("Blob", "Container", "None"),
}

PLAN: Shape = {
    "elasticScaleEnabled": FLAG,
    "hyperV": FLAG,
    "maximumElasticWorkerCount": NUMBER,
    "perSiteScaling": FLAG,
    "reserved": FLAG,
    "zoneRedundant": FLAG,
}
PLAN_SKU: Shape = {"name": TEXT, "tier": TEXT, "size": TEXT, "family": TEXT, "capacity": NUMBER}
FLEX: Shape = {
    "deployment": {
        "storage": {
            "type": ("blobContainer",),
            "value": TEXT,
            "authentication": {
                "type": (
                    "StorageAccountConnectionString", "SystemAssignedIdentity",
                    "UserAssignedIdentity",
                ),
                "storageAccountConnectionStringName": TEXT,
                "userAssignedIdentityResourceId": TEXT,
            },
        }
    },
    "runtime": {
        "name": ("custom", "dotnet-isolated", "java", "node", "powershell", "python"),
        "version": TEXT,
    },
    "scaleAndConcurrency": {
        "alwaysReady": [{"name": TEXT, "instanceCount": NUMBER}],
        "instanceMemoryMB": NUMBER,
        "maximumInstanceCount": NUMBER,
        "triggers": {"http": {"perInstanceConcurrency": NUMBER}},
    },
    "siteUpdateStrategy": {"type": ("Recreate", "RollingUpdate")},
}  # fmt: skip
TLS = ("1.0", "1.1", "1.2", "1.3")
# The type allows what Flex Consumption refuses.
OTHER_PLANS: dict[str, dict[str, Shape]] = {
    section: dict.fromkeys(refused()[section], ANY) for section in ("site", "siteConfig")
}
SITE: Shape = {
    **OTHER_PLANS["site"],
    "clientAffinityEnabled": FLAG,
    "clientCertEnabled": FLAG,
    "clientCertMode": ("Optional", "OptionalInteractiveUser", "Required"),
    "enabled": FLAG,
    "functionAppConfig": FLEX,
    "httpsOnly": FLAG,
    "keyVaultReferenceIdentity": TEXT,
    "outboundVnetRouting": ANY,
    "publicNetworkAccess": SWITCH,
    "serverFarmId": TEXT,
    "siteConfig": {
        **OTHER_PLANS["siteConfig"],
        "appSettings": [{"name": TEXT, "value": TEXT}],
        "cors": ANY,
        "healthCheckPath": TEXT,
        "http20Enabled": FLAG,
        "ipSecurityRestrictions": ANY,
        "ipSecurityRestrictionsDefaultAction": ("Allow", "Deny"),
        "minTlsVersion": TLS,
        "remoteDebuggingEnabled": FLAG,
        "scmIpSecurityRestrictions": ANY,
        "scmMinTlsVersion": TLS,
    },
    "virtualNetworkSubnetId": TEXT,
}
PUBLISHING: Shape = {"allow": FLAG}
FUNCTION: Shape = {"config": ANY, "isDisabled": FLAG, "language": TEXT}
