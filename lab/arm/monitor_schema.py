"""Properties of logs, traces, and what looks at them: Microsoft.OperationalInsights (API version
2025-07-01) and Microsoft.Insights.

Source: Microsoft's template reference. An excerpt: what is not here is refused, though Azure may
know it. What the lab gives no meaning to is ANY.
"""

from lab.arm.hosting_schema import SWITCH
from lab.arm.schema import ANY, FLAG, NUMBER, TEXT, Shape

WORKSPACE: Shape = {
    "features": {
        "clusterResourceId": TEXT,
        "disableLocalAuth": FLAG,
        "enableDataExport": FLAG,
        "enableLogAccessUsingOnlyResourcePermissions": FLAG,
        "immediatePurgeDataOn30Days": FLAG,
    },
    "forceCmkForQuery": FLAG,
    "publicNetworkAccessForIngestion": SWITCH,
    "publicNetworkAccessForQuery": SWITCH,
    "replication": ANY,
    "retentionInDays": NUMBER,
    "sku": {
        "name": ("CapacityReservation", "LACluster", "PerGB2018"),
        "capacityReservationLevel": NUMBER,
    },
    "workspaceCapping": {"dailyQuotaGb": NUMBER},
}
COMPONENT: Shape = {
    "Application_Type": ("other", "web"),
    "DisableIpMasking": FLAG,
    "DisableLocalAuth": FLAG,
    "Flow_Type": TEXT,
    "ForceCustomerStorageForProfiler": FLAG,
    "ImmediatePurgeDataOn30Days": FLAG,
    "IngestionMode": ("ApplicationInsights", "LogAnalytics"),
    "publicNetworkAccessForIngestion": SWITCH,
    "publicNetworkAccessForQuery": SWITCH,
    "Request_Source": TEXT,
    "RetentionInDays": NUMBER,
    "SamplingPercentage": NUMBER,
    "WorkspaceResourceId": TEXT,
}
LOGGED: Shape = [{"category": TEXT, "categoryGroup": TEXT, "enabled": FLAG, "retentionPolicy": ANY}]
DIAGNOSTICS: Shape = {
    "logAnalyticsDestinationType": ("AzureDiagnostics", "Dedicated"),
    "logs": LOGGED,
    "metrics": LOGGED,
    "storageAccountId": TEXT,
    "workspaceId": TEXT,
}

ACTION_GROUP: Shape = {
    "armRoleReceivers": ANY,
    "automationRunbookReceivers": ANY,
    "azureAppPushReceivers": ANY,
    "azureFunctionReceivers": ANY,
    "emailReceivers": [{"name": TEXT, "emailAddress": TEXT, "useCommonAlertSchema": FLAG}],
    "enabled": FLAG,
    "eventHubReceivers": ANY,
    "groupShortName": TEXT,
    "itsmReceivers": ANY,
    "logicAppReceivers": ANY,
    "smsReceivers": ANY,
    "voiceReceivers": ANY,
    "webhookReceivers": ANY,
}
QUERY_RULE: Shape = {
    "actions": {"actionGroups": [TEXT], "actionProperties": ANY, "customProperties": ANY},
    "autoMitigate": FLAG,
    "checkWorkspaceAlertsStorageConfigured": FLAG,
    "criteria": {
        "allOf": [
            {
                "criterionType": TEXT,
                "dimensions": [
                    {"name": TEXT, "operator": ("Exclude", "Include"), "values": [TEXT]}
                ],
                "failingPeriods": {
                    "minFailingPeriodsToAlert": NUMBER,
                    "numberOfEvaluationPeriods": NUMBER,
                },
                "metricMeasureColumn": TEXT,
                "metricName": TEXT,
                "operator": (
                    "Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual",
                ),
                "query": TEXT,
                "resourceIdColumn": TEXT,
                "threshold": NUMBER,
                "timeAggregation": ("Average", "Count", "Maximum", "Minimum", "Total"),
            }
        ]
    },
    "description": TEXT,
    "displayName": TEXT,
    "enabled": FLAG,
    "evaluationFrequency": TEXT,
    "muteActionsDuration": TEXT,
    "overrideQueryTimeRange": TEXT,
    "resolveConfiguration": ANY,
    "scopes": [TEXT],
    "severity": NUMBER,
    "skipQueryValidation": FLAG,
    "targetResourceTypes": [TEXT],
    "windowSize": TEXT,
}  # fmt: skip
METRIC_ALERT: Shape = {
    "actions": [{"actionGroupId": TEXT, "webHookProperties": ANY}],
    "autoMitigate": FLAG,
    "criteria": ANY,
    "description": TEXT,
    "enabled": FLAG,
    "evaluationFrequency": TEXT,
    "scopes": [TEXT],
    "severity": NUMBER,
    "targetResourceRegion": TEXT,
    "targetResourceType": TEXT,
    "windowSize": TEXT,
}
WORKBOOK: Shape = {
    "category": TEXT,
    "description": TEXT,
    "displayName": TEXT,
    "serializedData": TEXT,
    "sourceId": TEXT,
    "storageUri": TEXT,
    "version": TEXT,
}
