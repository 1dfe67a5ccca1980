"""Properties of what an installation has beside its hosting: vault, identities, events, the Durable
Task Scheduler, rights and locks.

Source: Microsoft's template reference. An excerpt: what is not here is refused, though Azure may
know it. What the lab gives no meaning to is ANY.
"""

from lab.arm.hosting_schema import SWITCH
from lab.arm.schema import ANY, FLAG, NUMBER, TEXT, Shape

VAULT: Shape = {
    "accessPolicies": ANY,
    "createMode": ("default", "recover"),
    "enablePurgeProtection": FLAG,
    "enableRbacAuthorization": FLAG,
    "enableSoftDelete": FLAG,
    "enabledForDeployment": FLAG,
    "enabledForDiskEncryption": FLAG,
    "enabledForTemplateDeployment": FLAG,
    "networkAcls": {
        "bypass": ("AzureServices", "None"),
        "defaultAction": ("Allow", "Deny"),
        "ipRules": [{"value": TEXT}],
        "virtualNetworkRules": [{"id": TEXT, "ignoreMissingVnetServiceEndpoint": FLAG}],
    },
    "publicNetworkAccess": TEXT,
    "sku": {"family": ("A",), "name": ("premium", "standard")},
    "softDeleteRetentionInDays": NUMBER,
    "tenantId": TEXT,
}

ASSIGNED: Shape = {
    "type": ("None", "SystemAssigned", "SystemAssigned, UserAssigned", "UserAssigned"),
    "userAssignedIdentities": ANY,
}

SCHEDULER: Shape = {
    "ipAllowlist": [TEXT],
    "publicNetworkAccess": SWITCH,
    "sku": {"name": ("Consumption", "Dedicated"), "capacity": NUMBER},
}

TOPIC: Shape = {"source": TEXT, "topicType": TEXT}
DEAD_LETTERS: Shape = {
    "endpointType": ("StorageBlob",),
    "properties": {"blobContainerName": TEXT, "resourceId": TEXT},
}
DESTINATION: Shape = {
    "endpointType": ("AzureFunction", "WebHook"),
    "properties": {
        "azureActiveDirectoryApplicationIdOrUri": TEXT,
        "azureActiveDirectoryTenantId": TEXT,
        "deliveryAttributeMappings": ANY,
        "endpointUrl": TEXT,
        "maxEventsPerBatch": NUMBER,
        "minimumTlsVersionAllowed": TEXT,
        "preferredBatchSizeInKilobytes": NUMBER,
        "resourceId": TEXT,
    },
}
SUBSCRIPTION: Shape = {
    "deadLetterDestination": DEAD_LETTERS,
    "deadLetterWithResourceIdentity": {
        "deadLetterDestination": DEAD_LETTERS,
        "identity": {"type": ("SystemAssigned", "UserAssigned"), "userAssignedIdentity": TEXT},
    },
    "deliveryWithResourceIdentity": ANY,
    "destination": DESTINATION,
    "eventDeliverySchema": ("CloudEventSchemaV1_0", "CustomInputSchema", "EventGridSchema"),
    "expirationTimeUtc": TEXT,
    "filter": {
        "advancedFilters": [{"key": TEXT, "operatorType": TEXT, "value": ANY, "values": ANY}],
        "enableAdvancedFilteringOnArrays": FLAG,
        "includedEventTypes": [TEXT],
        "isSubjectCaseSensitive": FLAG,
        "subjectBeginsWith": TEXT,
        "subjectEndsWith": TEXT,
    },
    "labels": [TEXT],
    "retryPolicy": {"eventTimeToLiveInMinutes": NUMBER, "maxDeliveryAttempts": NUMBER},
}

ROLE: Shape = {
    "assignableScopes": [TEXT],
    "description": TEXT,
    "permissions": [
        {"actions": [TEXT], "dataActions": [TEXT], "notActions": [TEXT], "notDataActions": [TEXT]}
    ],
    "roleName": TEXT,
    "type": ("BuiltInRole", "CustomRole"),
}
ASSIGNMENT: Shape = {
    "condition": TEXT,
    "conditionVersion": TEXT,
    "delegatedManagedIdentityResourceId": TEXT,
    "description": TEXT,
    "principalId": TEXT,
    "principalType": ("Device", "ForeignGroup", "Group", "ServicePrincipal", "User"),
    "roleDefinitionId": TEXT,
}
LOCK: Shape = {"level": ("CanNotDelete", "ReadOnly"), "notes": TEXT, "owners": ANY}
