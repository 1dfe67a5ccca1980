"""The project's ARM templates and the parameters that a deployment of the plan is started with."""

import functools
import json
from pathlib import Path
from typing import Any, get_args

from clients.errors import Refused
from cluster import names
from cluster.ownership import Owner
from cluster.plan import PlannedDeployment, Template

TEMPLATES = Path(__file__).resolve().parent.parent / "arm" / "cluster"
# A well-formed public key without an owner: templates are validated before keys exist.
PLACEHOLDER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

EMPTY_CLOUD_CONFIG = "I2Nsb3VkLWNvbmZpZwo="


@functools.cache
def template(name: str) -> dict[str, Any]:
    """Returns a template of the project.

    Raises:
        Refused: a plan of a newer version names a template that this version does not have.
    """
    if name not in get_args(Template):
        text = f"the plan deploys the template '{name}', which only a newer version of Slipway has"
        raise Refused("UnknownTemplate", text, place=name)
    return json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))


def parameters(
    deployment: PlannedDeployment, owner: Owner, public_key: str, custom_data: dict[str, str]
) -> dict[str, Any]:
    """Returns the parameters in ARM's form. `custom_data` is the secure one, by node name."""
    values = deployment.parameters | {"ownerTags": owner.tags}
    if deployment.template != names.NETWORK:
        values |= {"sshPublicKey": public_key, "customData": custom_data}
    # A plan of a newer version may have more parameters. ARM refuses parameters that it does not
    # know.
    known = template(deployment.template)["parameters"]
    values = {name: value for name, value in values.items() if name in known}
    return {name: {"value": value} for name, value in values.items()}


def placeholder_parameters(deployment: PlannedDeployment, owner: Owner) -> dict[str, Any]:
    """Returns parameters of the right shape for validation. They contain no secret."""
    return parameters(
        deployment, owner, PLACEHOLDER_KEY, dict.fromkeys(deployment.nodes, EMPTY_CLOUD_CONFIG)
    )
