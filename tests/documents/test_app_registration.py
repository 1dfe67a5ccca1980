"""The example app registration has the roles that the app knows, for people and workloads."""

import json
from pathlib import Path

from clients.azure.token_claims import SCOPE
from cluster.access import APP_ROLES

ROOT = Path(__file__).resolve().parents[2]
REGISTRATION = ROOT / "examples" / "entra" / "app-registration.json"


def test_the_app_roles_are_those_of_the_app() -> None:
    roles = json.loads(REGISTRATION.read_text(encoding="utf-8"))["appRoles"]
    assert [role["value"] for role in roles] == list(APP_ROLES)
    assert len({role["id"] for role in roles}) == len(roles)
    for role in roles:
        assert role["allowedMemberTypes"] == ["User", "Application"]
        assert role["isEnabled"] is True


def test_tokens_have_version_2_and_no_secret_is_made() -> None:
    registration = json.loads(REGISTRATION.read_text(encoding="utf-8"))
    assert registration["api"]["requestedAccessTokenVersion"] == 2
    assert registration["signInAudience"] == "AzureADMyOrg"
    assert "passwordCredentials" not in registration
    (scope,) = registration["api"]["oauth2PermissionScopes"]
    (client,) = registration["api"]["preAuthorizedApplications"]
    assert client["delegatedPermissionIds"] == [scope["id"]]
    assert (scope["value"], scope["isEnabled"]) == (SCOPE, True)
