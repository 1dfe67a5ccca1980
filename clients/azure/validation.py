"""Validates templates with ARM before anything is created.

ARM answers 200 or 400 at once, or, for a large template, 202 and a URL to poll; it is polled here
for up to 40 s, since a validation takes seconds. Source: Deployments - Validate, API version
2026-06-01. Observed: ARM does not detect missing references, bad VM sizes and bad addresses.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from clients.azure.errors import azure_errors, leaves, retry_after
from clients.azure.transport import MANAGEMENT, management_url
from clients.errors import Transient
from clients.time_limit import within
from cluster.presentable import presentable

API_VERSION = "2026-06-01"
NAME = "slipway-validation"
WAIT_SECONDS, LOOK_SECONDS = 40.0, 2.0
OK, ACCEPTED, BAD_REQUEST = 200, 202, 400


@dataclass(frozen=True)
class ArmError:
    """Code and message of the first root cause; `details` has all of them, with the first."""

    code: str
    message: str
    details: list[str] = field(default_factory=list[str])


def body(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"mode": "Incremental", "template": template, "parameters": parameters}}


def ask(client: Any, scope: str, deployment: dict[str, Any]) -> list[ArmError]:
    """Validates a deployment: one error for each root cause, none if ARM accepts it.

    Raises:
        Transient: throttled, or not finished after 40 s.
        Refused: the app has no right to validate, or the scope does not exist.
    """
    from azure.core.rest import HttpRequest

    path = f"{scope}/providers/Microsoft.Resources/deployments/{NAME}/validate"
    url = f"{MANAGEMENT}{path}?api-version={API_VERSION}"
    until = time.monotonic() + WAIT_SECONDS
    with azure_errors("template validation"):
        response = client.send_request(HttpRequest("POST", url, json=deployment))
        while response.status_code == ACCEPTED:
            wait = retry_after(response) or LOOK_SECONDS
            if time.monotonic() + wait > until:
                raise Transient("ARM is still validating the template", wait)
            time.sleep(within(wait))
            url = management_url(response.headers.get("Location"))
            response = client.send_request(HttpRequest("GET", url))
        if response.status_code not in (OK, BAD_REQUEST):
            response.raise_for_status()
        answer = response.json()
    return [ArmError(code, presentable(text)) for code, text in leaves(answer)]


def in_new_group(
    location: str, group: str, template: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """A template at subscription scope that creates the group and deploys the template into it.
    Inner scope keeps secure values secure."""
    return {
        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2025-04-01",
                "name": group,
                "location": location,
                "properties": {},
            },
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2025-04-01",
                "name": f"{NAME}-inner",
                "resourceGroup": group,
                "dependsOn": [
                    f"[subscriptionResourceId('Microsoft.Resources/resourceGroups', '{group}')]"
                ],
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": {"scope": "inner"},
                    "template": template,
                    "parameters": parameters,
                },
            },
        ],
    }
