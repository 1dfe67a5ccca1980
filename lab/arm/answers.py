"""Parts of a deployment's answers, in the service's own wording and shape."""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.template import Concrete, Evaluation

SECURE = ("securestring", "secureobject")


def nested(error: ArmError) -> dict[str, Any]:
    """As the service sends it: the resource provider's own answer as JSON in a string."""
    inner = json.dumps({"error": error.document()})
    return {"code": "Conflict" if error.status == 409 else "BadRequest", "message": inner}


def echo(declared: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Secure parameters are echoed without their value."""
    echoed: dict[str, Any] = {}
    for name, rule in declared.items():
        kind = str(rule["type"])
        echoed[name] = {"type": kind[0].upper() + kind[1:]}
        if kind.lower() not in SECURE:
            echoed[name]["value"] = values.get(name)
    return echoed


def template_hash(template: dict[str, Any]) -> str:
    """A decimal number, as the service's; what it is made of is not documented."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8]))


def providers(evaluation: Evaluation, location: str) -> list[dict[str, Any]]:
    kinds: dict[str, set[str]] = {}
    for concrete in evaluation.resources:
        namespace, _, kind = concrete.type.partition("/")
        kinds.setdefault(namespace, set()).add(kind)
    return [
        {
            "namespace": namespace,
            "resourceTypes": [
                {"resourceType": kind, "locations": [location]} for kind in sorted(found)
            ],
        }
        for namespace, found in kinds.items()
    ]


def operation(
    deployment: dict[str, Any], concrete: Concrete | None, error: ArmError | None
) -> dict[str, Any]:
    number = f"{len(deployment['operations']):016X}"
    properties: dict[str, Any] = {
        "provisioningOperation": "Create" if concrete else "EvaluateDeploymentOutput",
        "provisioningState": "Failed" if error else "Succeeded",
        "timestamp": datetime.now(UTC).isoformat(),
        "duration": "PT0S",
        "trackingId": str(uuid.uuid4()),
        "statusCode": str(error.status) if error else "Created" if concrete else "OK",
    }
    if concrete:
        properties["targetResource"] = {
            "id": concrete.id,
            "resourceType": concrete.type,
            "resourceName": concrete.name,
        }
    if error:
        properties["statusMessage"] = {"error": error.document()}
    return {
        "id": f"{deployment['id']}/operations/{number}",
        "operationId": number,
        "properties": properties,
    }
