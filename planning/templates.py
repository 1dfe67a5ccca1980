"""The project's ARM templates and the parameters that a deployment of the plan is started with."""

import functools
import json
from pathlib import Path
from typing import Any

from cluster.plan import PlannedDeployment

TEMPLATES = Path(__file__).resolve().parent.parent / "arm" / "cluster"
# A well-formed public key that belongs to nobody: templates are validated before keys exist.
PLACEHOLDER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

EMPTY_CLOUD_CONFIG = "I2Nsb3VkLWNvbmZpZwo="


@functools.cache
def template(name: str) -> dict[str, Any]:
    return json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))


def parameters(
    deployment: PlannedDeployment, public_key: str, custom_data: dict[str, str]
) -> dict[str, Any]:
    """ARM's form of the parameters; `custom_data` is the secure one, by node name."""
    values = dict(deployment.parameters)
    if deployment.template != "network":
        values |= {"sshPublicKey": public_key, "customData": custom_data}
    return {name: {"value": value} for name, value in values.items()}


def placeholder_parameters(deployment: PlannedDeployment) -> dict[str, Any]:
    """Parameters of the right shape for validation, with nothing secret in them."""
    return parameters(
        deployment, PLACEHOLDER_KEY, dict.fromkeys(deployment.nodes, EMPTY_CLOUD_CONFIG)
    )
