"""An installation put into the ARM stand-in, from the files that are deployed in Azure."""

import copy
import json
from pathlib import Path
from typing import Any

from lab.testing.fabric import RememberingFabric, eventually
from lab.testing.templates import UNDER_WAY, ArmService

PLATFORM = Path(__file__).parents[2] / "arm" / "platform"
SUBSCRIPTION, LOCATION = "00000000-0000-4000-8000-000000000001", "westeurope"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = "slipway-platform"


class Installation:
    """One subscription with nothing in it at first."""

    def __init__(self, directory: Path, service: ArmService | None = None) -> None:
        """In a stand-in of its own, or in one that somebody talks to."""
        self.service = service or ArmService(directory, RememberingFabric(), SUBSCRIPTION)
        self.state = self.service.state

    def install(self, template: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
        """The deployment of the whole; gives its outputs."""
        return self.deploy("", template or load("azuredeploy"), **given)

    def subscribe(self, group: str = GROUP, **given: Any) -> dict[str, Any]:
        """The deployment of the events; gives its outputs."""
        return self.deploy(group, load("events"), **given)

    def deploy(self, group: str, template: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Raises AssertionError with what failed."""
        scope = f"{ROOT}/resourceGroups/{group}" if group else ROOT
        identity = f"{scope}/providers/Microsoft.Resources/deployments/installation"
        parameters = {name: {"value": value} for name, value in given.items()}
        body = {"mode": "Incremental", "template": template, "parameters": parameters}
        self.service.deployer.start(identity, group, LOCATION, {"properties": body})
        found = eventually(lambda: self._ended(identity.lower()))
        assert found["provisioningState"] == "Succeeded", json.dumps(found.get("error"), indent=1)
        return {name: output["value"] for name, output in found["outputs"].items()}

    def _ended(self, key: str) -> dict[str, Any] | None:
        found = self.state.copy_of(self.state.deployments[key])["properties"]
        return None if found["provisioningState"] in UNDER_WAY else found

    def everything(self) -> dict[str, Any]:
        """All that is there, but for the records of deployments."""
        with self.state.lock:
            return copy.deepcopy({"groups": self.state.groups, "all": self.state.resources})

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = self.state.of_type(kind.lower())
        return found

    def settings(self) -> dict[str, str]:
        """The app's, as the platform gives them to the process."""
        pairs = self.one("Microsoft.Web/sites")["properties"]["siteConfig"]["appSettings"]
        return {pair["name"]: pair["value"] for pair in pairs}

    def publish(self) -> None:
        """What the package brings: its functions, of which Event Grid asks one."""
        site = self.one("Microsoft.Web/sites")
        function = {
            "type": "Microsoft.Web/sites/functions",
            "apiVersion": "2025-03-01",
            "name": f"{site['name']}/on_group_event",
            "properties": {"language": "python"},
        }
        self.deploy(GROUP, {**EMPTY, "resources": [function]})


EMPTY = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
}


def load(name: str) -> dict[str, Any]:
    return json.loads((PLATFORM / f"{name}.json").read_text(encoding="utf-8"))
