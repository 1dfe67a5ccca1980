"""Changes that another user of the resource group makes outside of Slipway, as in the portal."""

import json
import time
from typing import Any

import requests

from tests.lab.conftest import STATE, Lab

MANAGEMENT = "https://management.azure.com"
COMPUTE = "providers/Microsoft.Compute"
VERSIONS = {"virtualMachines": "2026-04-01", "disks": "2026-03-02"}
GONE_SECONDS = 60


class Portal:
    def __init__(self, lab: Lab, group: str) -> None:
        self._azure = lab.info.info["azure"]
        self._group = f"/subscriptions/{lab.info.info['subscription']}/resourceGroups/{group}"

    def delete_machine(self, name: str) -> None:
        """With its OS disk and its interface, as their deleteOption says; data disks stay."""
        self._delete("virtualMachines", name)

    def delete_disk(self, name: str) -> None:
        self._delete("disks", name)

    def _delete(self, kind: str, name: str) -> None:
        answer = self._ask("DELETE", kind, name)
        assert answer.status_code in (200, 202), answer.text
        until = time.monotonic() + GONE_SECONDS
        while self._ask("GET", kind, name).status_code != 404:
            assert time.monotonic() < until, f"{name} is still there"
            time.sleep(0.2)

    def _ask(self, method: str, kind: str, name: str) -> requests.Response:
        path = f"{self._group}/{COMPUTE}/{kind}/{name}?api-version={VERSIONS[kind]}"
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "X-Forwarded-Host": "management.azure.com",
        }
        return requests.request(method, self._azure + path, headers=headers, timeout=60)

    def _token(self) -> str:
        known: dict[str, Any] = json.loads((STATE / "secrets.json").read_text())
        query = {"api-version": "2019-08-01", "resource": MANAGEMENT}
        headers = {"X-IDENTITY-HEADER": known["identityHeader"]}
        url = f"{self._azure}/identity"
        return requests.get(url, params=query, headers=headers, timeout=10).json()["access_token"]
