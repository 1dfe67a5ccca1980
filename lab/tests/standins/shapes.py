"""What every test of shapes needs: the comparison, the shape of an error, the wire itself."""

from typing import Any

import requests

from lab.identity import Identity

MANAGEMENT = "https://management.azure.com"
ERROR: dict[str, Any] = {"error": {"code": str, "message": str}}


def differences(shape: Any, value: Any, path: str = "") -> list[str]:
    """Where the value lacks something of the shape, or has it as another type."""
    if isinstance(shape, type):
        kept = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
        return [] if kept else [f"{path}: {type(value).__name__}"]
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{path}: no list, or an empty one"]
        return [text for item in value for text in differences(shape[0], item, f"{path}[]")]
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    missing = [f"{path}.{key}: missing" for key in shape if key not in value]
    present = [key for key in shape if key in value]
    return missing + [
        text for key in present for text in differences(shape[key], value[key], f"{path}.{key}")
    ]


class Rest:
    """The wire, without an SDK that may be lenient."""

    def __init__(self, azure: Any) -> None:
        identity: Identity = azure.facade.identity
        self._url, self._root = azure.url, f"/subscriptions/{azure.settings.subscription_id}"
        token = identity.token(MANAGEMENT, 2**40)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "X-Forwarded-Host": "management.azure.com",
        }

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        url = f"{self._url}{self._root}{path}?api-version=2025-04-01"
        return requests.request(method, url, json=body, headers=self._headers, timeout=10)
