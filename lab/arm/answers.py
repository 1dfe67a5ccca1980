"""Parts of a deployment's responses, in the service's own wording and shape.

Source: Azure/azure-cli's recordings test_group_deployment, test_resource_group_level_what_if and
test_vm_create_ubuntu; see lab/tests/arm/test_shapes.py.
"""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.ids import take_apart
from lab.arm.parameters import is_secure, type_name
from lab.arm.scope import Pending
from lab.arm.template import Evaluation

DEPLOYMENT_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for "
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."
)


def now() -> str:
    return datetime.now(UTC).isoformat()


def since(started: str) -> str:
    """Returns the time since `started` as an ISO 8601 duration."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    return f"PT{seconds:.7f}S"


def deployment(
    identity: str, location: str, template: dict[str, Any], evaluation: Evaluation
) -> dict[str, Any]:
    """Returns the deployment record in state Accepted."""
    declared = template.get("parameters") or {}
    return {
        "id": identity,
        "name": identity.rpartition("/")[2],
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "templateHash": template_hash(template),
            "parameters": echo(declared, evaluation.parameters),
            "mode": "Incremental",
            "provisioningState": "Accepted",
            "timestamp": now(),
            "duration": "PT0S",
            "correlationId": str(uuid.uuid4()),
            "providers": providers(evaluation, location),
            "dependencies": dependencies(evaluation),
        },
    }


def failure(errors: list[ArmError]) -> dict[str, Any]:
    return {
        "code": "DeploymentFailed",
        "message": DEPLOYMENT_FAILED,
        "details": [nested(error) for error in errors],
    }


def nested(error: ArmError) -> dict[str, Any]:
    """Returns the error as the service nests it in a deployment's error: the resource provider's
    own response is a JSON string. InvalidTemplate errors are not nested."""
    if error.code == "InvalidTemplate":
        return error.document()
    inner = json.dumps({"error": error.document()}, indent=2)
    return {"code": "Conflict" if error.status == 409 else "BadRequest", "message": inner}


def echo(declared: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Returns the parameters as a response shows them: secure parameters without their values."""
    return {
        name: {"type": type_name(rule)}
        if is_secure(rule)
        else {"type": type_name(rule), "value": values.get(name)}
        for name, rule in declared.items()
    }


def template_hash(template: dict[str, Any]) -> str:
    """Returns a decimal number, as the service does. The service's own hash is not documented."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8]))


def providers(evaluation: Evaluation, location: str) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, None]] = {}
    for concrete in evaluation.resources:
        namespace, _, kind = concrete.type.partition("/")
        kinds.setdefault(namespace, {})[kind] = None
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": kind, "locations": [location]} for kind in found],
        }
        for namespace, found in kinds.items()
    ]


def dependencies(evaluation: Evaluation) -> list[dict[str, Any]]:
    known = {concrete.id.lower(): concrete for concrete in evaluation.resources}
    return [
        {"dependsOn": [target(known[key]) for key in c.depends_on], **target(c)}
        for c in evaluation.resources
        if c.depends_on
    ]


def target(concrete: Concrete) -> dict[str, str]:
    return {
        "id": concrete.id,
        "resourceType": concrete.type,
        "resourceName": take_apart(concrete.id).name or concrete.name,
    }


def deployment_operation(identity: str, concrete: Concrete | None) -> dict[str, Any]:
    """Returns a deployment operation in state Running. If `concrete` is None, the operation is the
    evaluation of the outputs."""
    number = uuid.uuid4().hex[:16].upper()
    properties: dict[str, Any] = {
        "provisioningOperation": "Create" if concrete else "EvaluateDeploymentOutput",
        "provisioningState": "Running",
        "timestamp": now(),
        "duration": "PT0S",
        "trackingId": str(uuid.uuid4()),
        "statusCode": "Accepted",
    }
    if concrete:
        properties["targetResource"] = target(concrete)
    return {
        "id": f"{identity}/operations/{number}",
        "operationId": number,
        "properties": properties,
    }


STATUS = {400: "BadRequest", 404: "NotFound", 409: "Conflict", 413: "RequestEntityTooLarge"}


def end(begun: dict[str, Any], error: ArmError | None, *, changed: bool = True) -> None:
    """Records the operation's end and its result. `changed` is False if the resource was already as
    wanted."""
    properties = begun["properties"]
    properties["duration"] = since(properties["timestamp"])
    properties["provisioningState"] = "Failed" if error else "Succeeded"
    properties["statusCode"] = "Created" if changed else "OK"
    if error:
        properties["statusCode"] = STATUS.get(error.status, "InternalServerError")
        properties["statusMessage"] = {"status": "Failed", "error": error.document()}


def plain(value: Any) -> Any:
    """Returns the value for a response. A pending value is shown as its expression."""
    if isinstance(value, Pending):
        return value.raw
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
