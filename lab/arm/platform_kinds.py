"""The resource types of an installation of Slipway; API versions: general availability as of
2026-08, but for diagnosticSettings, which has none that is."""

from lab.arm import hosting_schema as hosting
from lab.arm import monitor_schema as monitor
from lab.arm import platform_schema as platform
from lab.arm.kind import Kind
from lab.arm.schema import ANY, TEXT, Shape

ACCOUNT = "microsoft.storage/storageaccounts"
ASSIGNMENT = "microsoft.authorization/roleassignments"
COMPONENT = "microsoft.insights/components"
EVENT_SUBSCRIPTION = "microsoft.eventgrid/systemtopics/eventsubscriptions"
IDENTITY = "microsoft.managedidentity/userassignedidentities"
ROLE = "microsoft.authorization/roledefinitions"
SCHEDULER = "microsoft.durabletask/schedulers"
SITE = "microsoft.web/sites"
TOPIC = "microsoft.eventgrid/systemtopics"
VAULT = "microsoft.keyvault/vaults"
WORKSPACE = "microsoft.operationalinsights/workspaces"

STORAGE_VERSIONS, WEB_VERSIONS = ("2026-04-01",), ("2025-03-01",)
EVENT_VERSIONS, SCHEDULER_VERSIONS = ("2025-02-15",), ("2026-02-01",)
RIGHTS_VERSIONS = ("2022-04-01",)
ASSIGNED: dict[str, Shape] = {"identity": platform.ASSIGNED}
ASSIGNED_TO = "identity.userAssignedIdentities.*"

PLATFORM_KINDS: dict[str, Kind] = {
    ACCOUNT: Kind(
        STORAGE_VERSIONS, hosting.ACCOUNT, ("sku.name", "kind"), ("kind",),
        {"sku": hosting.ACCOUNT_SKU, "kind": ("BlobStorage", "Storage", "StorageV2"), **ASSIGNED},
    ),
    f"{ACCOUNT}/blobservices": Kind(STORAGE_VERSIONS, hosting.BLOB_SERVICE, located=False),
    f"{ACCOUNT}/blobservices/containers": Kind(STORAGE_VERSIONS, hosting.CONTAINER, located=False),
    "microsoft.web/serverfarms": Kind(
        WEB_VERSIONS, hosting.PLAN, ("sku.name",), ("sku.tier", "properties.reserved"),
        {"sku": hosting.PLAN_SKU, "kind": TEXT},
    ),
    SITE: Kind(
        WEB_VERSIONS, hosting.SITE, ("properties.serverFarmId",), (), {"kind": TEXT, **ASSIGNED},
        names=(
            "properties.serverFarmId",
            "properties.virtualNetworkSubnetId",
            "properties.functionAppConfig.deployment.storage.authentication"
            ".userAssignedIdentityResourceId",
            ASSIGNED_TO,
        ),
    ),
    f"{SITE}/basicpublishingcredentialspolicies": Kind(
        WEB_VERSIONS, hosting.PUBLISHING, ("properties.allow",), located=False
    ),
    f"{SITE}/functions": Kind(WEB_VERSIONS, hosting.FUNCTION, located=False),
    VAULT: Kind(
        ("2026-02-01",), platform.VAULT, ("properties.sku", "properties.tenantId"),
        ("properties.enablePurgeProtection",),
    ),
    IDENTITY: Kind(("2024-11-30",)),
    WORKSPACE: Kind(("2025-07-01",), monitor.WORKSPACE),
    COMPONENT: Kind(
        ("2020-02-02",), monitor.COMPONENT, ("kind", "properties.Application_Type"), (),
        {"kind": TEXT}, names=("properties.WorkspaceResourceId",),
    ),
    "microsoft.insights/diagnosticsettings": Kind(
        ("2021-05-01-preview",), monitor.DIAGNOSTICS, located=False, extension=True,
        names=("properties.workspaceId", "properties.storageAccountId"),
    ),
    "microsoft.insights/actiongroups": Kind(
        ("2023-01-01",), monitor.ACTION_GROUP,
        ("properties.groupShortName", "properties.enabled"),
    ),
    "microsoft.insights/metricalerts": Kind(
        ("2018-03-01",), monitor.METRIC_ALERT,
        ("properties.criteria", "properties.severity", "properties.scopes"),
        names=("properties.scopes.*", "properties.actions.*.actionGroupId"),
    ),
    "microsoft.insights/scheduledqueryrules": Kind(
        ("2023-12-01",), monitor.QUERY_RULE, ("properties.criteria", "properties.scopes"), (),
        {"kind": ("LogAlert", "LogToMetric"), **ASSIGNED},
        names=("properties.scopes.*", "properties.actions.actionGroups.*"),
    ),
    "microsoft.insights/workbooks": Kind(
        ("2023-06-01",), monitor.WORKBOOK,
        ("kind", "properties.displayName", "properties.serializedData", "properties.category"),
        (), {"kind": ("shared",), **ASSIGNED},
    ),
    SCHEDULER: Kind(
        SCHEDULER_VERSIONS, platform.SCHEDULER, ("properties.sku.name", "properties.ipAllowlist"),
        ("properties.sku.name",),
    ),
    f"{SCHEDULER}/taskhubs": Kind(SCHEDULER_VERSIONS, ANY, located=False),
    TOPIC: Kind(
        EVENT_VERSIONS, platform.TOPIC, ("properties.source", "properties.topicType"),
        ("properties.source", "properties.topicType"), ASSIGNED,
        names=("properties.source", ASSIGNED_TO),
    ),
    EVENT_SUBSCRIPTION: Kind(
        EVENT_VERSIONS, platform.SUBSCRIPTION, ("properties.destination",), located=False,
        names=(
            "properties.destination.properties.resourceId",
            "properties.deadLetterWithResourceIdentity.identity.userAssignedIdentity",
            "properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.resourceId",
        ),
    ),
    ROLE: Kind(
        RIGHTS_VERSIONS, platform.ROLE,
        ("properties.roleName", "properties.permissions", "properties.assignableScopes"),
        located=False, of_subscription=True,
    ),
    ASSIGNMENT: Kind(
        RIGHTS_VERSIONS, platform.ASSIGNMENT,
        ("properties.roleDefinitionId", "properties.principalId"),
        located=False, extension=True, of_subscription=True,
    ),
    "microsoft.authorization/locks": Kind(
        ("2020-05-01",), platform.LOCK, ("properties.level",), located=False, extension=True,
        of_subscription=True,
    ),
}  # fmt: skip
