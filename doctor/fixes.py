"""What fixes an installation: commands, with the names that the platform gives, by what refused."""

import os
import re
from dataclasses import dataclass

from cluster.findings import Fix

# Where the platform names no app, as in the lab.
UNNAMED_APP = "APP"
# Codes and words of a right that is missing. A validation has no code of its own for it: what it
# says is "Authorization failed for template resource 'NAME' …".
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
    """Names for the commands that fix; where the platform does not tell them, their kind in
    capitals."""

    app: str
    group: str

    @classmethod
    def from_env(cls) -> "Installation":
        """Names that the platform gives its apps."""
        return cls(
            app=os.environ.get("WEBSITE_SITE_NAME", UNNAMED_APP),
            group=os.environ.get("WEBSITE_RESOURCE_GROUP", "GROUP"),
        )

    @property
    def redeploy(self) -> Fix:
        """Roles, settings and network are the template's. Where clusters are says nothing of where
        the installation is, and a deployment keeps the region that it was made in."""
        return Fix(
            text="deploy the installation again (docs/install.md, step 1); LOCATION as 'az "
            "deployment sub show --name slipway --query location -o tsv' tells, PARAMETERS as then",
            command="az deployment sub create --name slipway --location LOCATION "
            "--template-file arm/platform/azuredeploy.json --parameters PARAMETERS",
        )

    @property
    def publish(self) -> Fix:
        return Fix(
            text="publish the package again (docs/install.md, step 2), and look at the app's log "
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
    return FORBIDDEN.search(text) is not None


def fix_for(said: str, otherwise: Fix, installation: Installation) -> Fix:
    """`said`: a refusal's code and text. `otherwise`: the fix for what is none of these."""
    if UNREGISTERED.search(said):
        found = NAMESPACE.search(said)
        return Fix(
            text="the subscription has never used this provider; registering takes minutes",
            command=f"az provider register --namespace {found[0] if found else 'NAMESPACE'} --wait",
        )
    if NO_REGION.search(said):
        return Fix(
            text="is it a region that has virtual machines? Ask again with --location REGION",
            command="az account list-locations --query '[].name' -o tsv",
        )
    return installation.redeploy if is_forbidden(said) else otherwise
