"""The resource types of a Slipway installation, and the rules that their published types do not
contain."""

from lab.arm.kind import Rules

ACCOUNT = "microsoft.storage/storageaccounts"
ASSIGNMENT = "microsoft.authorization/roleassignments"
COMPONENT = "microsoft.insights/components"
EVENT_SUBSCRIPTION = "microsoft.eventgrid/systemtopics/eventsubscriptions"
IDENTITY = "microsoft.managedidentity/userassignedidentities"
PLAN = "microsoft.web/serverfarms"
ROLE = "microsoft.authorization/roledefinitions"
SCHEDULER = "microsoft.durabletask/schedulers"
SITE = "microsoft.web/sites"
TOPIC = "microsoft.eventgrid/systemtopics"
VAULT = "microsoft.keyvault/vaults"
WORKSPACE = "microsoft.operationalinsights/workspaces"

EVENT_VERSIONS = ("2025-02-15",)
ASSIGNED_TO = "identity.userAssignedIdentities.*"

PLATFORM_RULES: dict[str, Rules] = {
    ACCOUNT: Rules((), ("kind",)),
    PLAN: Rules(("sku.name",), ("sku.tier", "properties.reserved")),
    SITE: Rules(
        ("properties.serverFarmId",),
        names=(
            "properties.serverFarmId",
            "properties.virtualNetworkSubnetId",
            "properties.functionAppConfig.deployment.storage.authentication"
            ".userAssignedIdentityResourceId",
            ASSIGNED_TO,
        ),
    ),
    f"{SITE}/basicpublishingcredentialspolicies": Rules(("properties.allow",)),
    VAULT: Rules((), ("properties.enablePurgeProtection",)),
    COMPONENT: Rules(names=("properties.WorkspaceResourceId",)),
    "microsoft.insights/diagnosticsettings": Rules(
        names=("properties.workspaceId", "properties.storageAccountId")
    ),
    "microsoft.insights/metricalerts": Rules(
        names=("properties.scopes.*", "properties.actions.*.actionGroupId")
    ),
    "microsoft.insights/scheduledqueryrules": Rules(
        ("properties.criteria", "properties.scopes"),
        names=("properties.scopes.*", "properties.actions.actionGroups.*"),
    ),
    "microsoft.insights/workbooks": Rules(("kind",)),
    SCHEDULER: Rules(immutable=("properties.sku.name",)),
    TOPIC: Rules(
        ("properties.source", "properties.topicType"),
        ("properties.source", "properties.topicType"),
        names=("properties.source", ASSIGNED_TO),
    ),
    EVENT_SUBSCRIPTION: Rules(
        ("properties.destination",),
        names=(
            "properties.destination.properties.resourceId",
            "properties.deadLetterWithResourceIdentity.identity.userAssignedIdentity",
            "properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.resourceId",
        ),
    ),
    ROLE: Rules(("properties.roleName", "properties.permissions", "properties.assignableScopes")),
}
