"""The lab's tenant: who gets a token from it, and what its documents say."""

import jwt
import pytest
import requests

from lab.testing.standins import CLIENT_ID, TENANT, Azure, Holder

ADA = {"name": "ada@example.org", "roles": ["Operator"], "groups": [TENANT]}


def test_whoever_may_read_the_labs_state_gets_a_token_for_anybody(azure: Azure) -> None:
    headers = {"X-IDENTITY-HEADER": azure.facade.identity.header}
    answer = requests.post(f"{azure.url}/_lab/tokens", json=ADA, headers=headers, timeout=30)
    token = answer.json()["access_token"]
    keys = requests.get(f"{azure.url}/{TENANT}/discovery/v2.0/keys", timeout=30).json()
    key = jwt.PyJWK(keys["keys"][0])
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=CLIENT_ID)
    assert (claims["roles"], claims["groups"]) == (["Operator"], [TENANT])
    assert claims["oid"] == Holder("ada@example.org").object_id


@pytest.mark.parametrize("headers", [{}, {"X-IDENTITY-HEADER": "x"}])
def test_nobody_else_gets_one(azure: Azure, headers: dict[str, str]) -> None:
    answer = requests.post(f"{azure.url}/_lab/tokens", json=ADA, headers=headers, timeout=30)
    assert (answer.status_code, answer.content) == (401, b"")


def test_the_discovery_document_names_places_of_the_tenant_only(azure: Azure) -> None:
    path = f"{azure.url}/{TENANT}/v2.0/.well-known/openid-configuration"
    found = requests.get(path, timeout=30).json()
    places = {value for name, value in found.items() if name.endswith(("_uri", "_endpoint"))}
    assert all(place.startswith(f"https://login.microsoftonline.com/{TENANT}/") for place in places)
    assert requests.get(f"{azure.url}/{TENANT}/another", timeout=30).status_code == 404
