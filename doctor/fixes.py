"""Fixes for an installation: texts and commands, chosen by the error of the service."""

import os
import re
from dataclasses import dataclass

from cluster.findings import Fix

# The name if the platform gives none, as in the lab.
UNNAMED_APP = "APP"
# Codes and texts of a missing right. A validation has no code for it, but the text "Authorization
# failed for template resource 'NAME' …".
FORBIDDEN = re.compile(
    r"AuthorizationFail|LinkedAuthorizationFailed|\bForbidden"
    r"|Authorization failed for template resource"
    r"|does not have (?:permission|authorization) to perform action",
    re.IGNORECASE,
)
UNREGISTERED = re.compile(
    r"MissingSubscriptionRegistration|not registered to use namespace", re.IGNORECASE
)
NAMESPACE = re.compile(r"\bMicrosoft\.[A-Za-z]+")
NO_REGION = re.compile(
    r"NoRegisteredProviderFound|LocationNotAvailable|InvalidLocation|"
    r"not available for resource type|No registered resource provider found for location",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Installation:
    """Names for the commands: of the function app and of its resource group. A name that the
    platform does not give is a word in capitals."""

    app: str
    group: str

    @classmethod
    def from_env(cls) -> "Installation":
        """The names in the environment of the function app."""
        return cls(
            app=os.environ.get("WEBSITE_SITE_NAME", UNNAMED_APP),
            group=os.environ.get("WEBSITE_RESOURCE_GROUP", "GROUP"),
        )

    @property
    def redeploy(self) -> Fix:
        """Restores the roles, settings and network of the template. LOCATION is not the region of
        the clusters: a deployment keeps the region in which it was created."""
        return Fix(
            text="deploy the installation again (docs/install.md, step 1). LOCATION: the output of "
            "'az deployment sub show --name slipway --query location -o tsv'; PARAMETERS: the same "
            "as before",
            command="az deployment sub create --name slipway --location LOCATION "
            "--template-file arm/platform/azuredeploy.json --parameters PARAMETERS",
        )

    @property
    def publish(self) -> Fix:
        return Fix(
            text="publish the package again (docs/install.md, step 2), and read the app's log "
            "stream",
            command="./slipway package -o slipway.zip",
        )

    def setting(self, assignment: str, text: str) -> Fix:
        """`assignment`: NAME=VALUE."""
        command = (
            f"az functionapp config appsettings set -g {self.group} -n {self.app} "
            f"--settings '{assignment}'"
        )
        return Fix(text=text, command=command)


def is_forbidden(text: str) -> bool:
    """Whether an error's code and text report a missing right."""
    return FORBIDDEN.search(text) is not None


def fix_for(error: str, otherwise: Fix, installation: Installation) -> Fix:
    """The fix for an error, by its code and text; `otherwise` if these name no known problem."""
    if UNREGISTERED.search(error):
        found = NAMESPACE.search(error)
        return Fix(
            text="register the resource provider in the subscription; this takes some minutes",
            command=f"az provider register --namespace {found[0] if found else 'NAMESPACE'} --wait",
        )
    if NO_REGION.search(error):
        return Fix(
            text="name a region that offers virtual machines: repeat with --location REGION",
            command="az account list-locations --query '[].name' -o tsv",
        )
    return installation.redeploy if is_forbidden(error) else otherwise
