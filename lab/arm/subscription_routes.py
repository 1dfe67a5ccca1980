"""Routes that most ARM clients use first: subscriptions, tenants, locations, resource providers,
tags.

Source: azure-mgmt-resource's models and Azure/azure-cli's recordings (test_account, test_provider).
"""

from typing import Any

from werkzeug.wrappers import Request, Response

from lab.arm import kinds
from lab.arm.catalog import LOCATIONS
from lab.arm.errors import ArmError
from lab.arm.ids import subscription_id
from lab.arm.wire import SUB, Lab, Route, answer, page, route
from lab.identity import TENANT

PROVIDERS = SUB + "/providers"
PROVIDER = PROVIDERS + "/(?P<namespace>[^/]+)"


class Subscriptions:
    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        # Type names by namespace, both in lower case.
        self._types: dict[str, list[str]] = {}
        for name in sorted(kinds.KINDS):
            self._types.setdefault(name.partition("/")[0], []).append(name)

    def routes(self) -> list[Route]:
        versions = kinds.SUBSCRIPTION_VERSIONS
        return [
            route("GET", "/subscriptions", self._list, versions),
            route("GET", "/tenants", self._tenants, versions),
            route("GET", SUB, self._get, versions),
            route("GET", SUB + "/locations", self._locations, versions),
            route("GET", SUB + "/tagnames", self._tag_names, kinds.GROUP_VERSIONS),
            route("GET", PROVIDERS, self._providers, kinds.GROUP_VERSIONS),
            route("GET", PROVIDER, self._provider, kinds.GROUP_VERSIONS),
            route("POST", PROVIDER + "/register", self._provider, kinds.GROUP_VERSIONS),
        ]

    def _subscription(self) -> dict[str, Any]:
        return {
            "id": subscription_id(self._lab.subscription),
            "subscriptionId": self._lab.subscription,
            "tenantId": TENANT,
            "displayName": "lab",
            "state": "Enabled",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        }

    def _list(self, _: Request) -> Response:
        found = [self._subscription()]
        return answer({"value": found, "count": {"type": "Total", "value": len(found)}})

    def _get(self, _: Request) -> Response:
        return answer(self._subscription())

    def _tenants(self, _: Request) -> Response:
        tenant = {
            "id": f"/tenants/{TENANT}",
            "tenantId": TENANT,
            "tenantCategory": "Home",
            "displayName": "lab",
        }
        return page([tenant])

    def _locations(self, _: Request) -> Response:
        root = subscription_id(self._lab.subscription)
        return page([
            {
                "id": f"{root}/locations/{name}",
                "name": name,
                "type": "Region",
                "displayName": display,
                "regionalDisplayName": f"({geography}) {display}",
                "metadata": {
                    "regionType": "Physical",
                    "regionCategory": "Recommended",
                    "geography": geography,
                    "geographyGroup": geography,
                },
            }
            for name, (display, geography) in LOCATIONS.items()
        ])  # fmt: skip

    def _tag_names(self, _: Request) -> Response:
        """Returns the tag names and values in use, with their counts. Names are
        case-insensitive."""
        state = self._lab.state
        with state.lock:
            holders = [*state.groups.values(), *state.resources.values()]
            pairs = [(k, str(v)) for one in holders for k, v in (one.get("tags") or {}).items()]
        found: dict[str, dict[str, Any]] = {}
        root = subscription_id(self._lab.subscription)
        for name, value in pairs:
            tag = found.setdefault(name.lower(), {
                "id": f"{root}/tagNames/{name}",
                "tagName": name,
                "count": {"type": "Total", "value": 0},
                "values": {},
            })  # fmt: skip
            tag["count"]["value"] += 1
            known = tag["values"].setdefault(value, {
                "id": f"{tag['id']}/tagValues/{value}",
                "tagValue": value,
                "count": {"type": "Total", "value": 0},
            })  # fmt: skip
            known["count"]["value"] += 1
        return page([{**tag, "values": list(tag["values"].values())} for tag in found.values()])

    def _providers(self, _: Request) -> Response:
        return page([self._described(namespace) for namespace in self._types])

    def _provider(self, _: Request, namespace: str) -> Response:
        """Returns a resource provider. Every namespace that the lab supports is registered;
        registering it again is no error."""
        if namespace.lower() not in self._types:
            raise ArmError(
                404, "InvalidResourceNamespace",
                f"The resource namespace '{namespace}' is invalid.",
            )  # fmt: skip
        return answer(self._described(namespace.lower()))

    def _described(self, namespace: str) -> dict[str, Any]:
        types = self._types[namespace]
        written = kinds.KINDS[types[0]].newest.name.partition("/")[0]
        return {
            "id": f"{subscription_id(self._lab.subscription)}/providers/{written}",
            "namespace": written,
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [
                {
                    "resourceType": kinds.KINDS[name].newest.name.partition("/")[2],
                    "locations": [display for display, _ in LOCATIONS.values()],
                    "apiVersions": sorted(kinds.KINDS[name].versions, reverse=True),
                    "capabilities": "None",
                }
                for name in types
            ],
        }
