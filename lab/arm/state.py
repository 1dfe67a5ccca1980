"""The stand-in's state, written to disk after each change."""

import contextlib
import copy
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNDER_WAY = ("Accepted", "Running")
SECRETS = ("customData", "adminPassword")
STOPPED = "The lab was stopped while this was under way."


class ArmState:
    """Groups, resources and deployments by id in lower case, because ARM ignores case.

    A resource has: id, name, type, location, tags, group, properties (as GET shows them), body (as
    it was put, with hashes in place of secrets), and sku and zones if they were given. Changes are
    made under `lock` or in `change()`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.RLock()
        self.groups: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        if path.exists():
            data = json.loads(path.read_text(encoding="utf-8"))
            self.groups, self.resources = data["groups"], data["resources"]
            self.deployments = data["deployments"]
            self._end_what_was_under_way()

    def _end_what_was_under_way(self) -> None:
        for deployment in self.deployments.values():
            properties = deployment["properties"]
            if properties["provisioningState"] in UNDER_WAY:
                properties["provisioningState"] = "Failed"
                properties["error"] = {"code": "InternalServerError", "message": STOPPED}
        for resource in self.resources.values():
            if resource["properties"].get("provisioningState") in ("Creating", "Updating"):
                resource["properties"]["provisioningState"] = "Failed"
        for group in self.groups.values():
            group["properties"]["provisioningState"] = "Succeeded"

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Holds the lock for one change and saves the state at its end. If the block raises,
        nothing is saved."""
        with self.lock:
            yield
            self.save()

    def save(self) -> None:
        with self.lock:
            data = {
                "groups": self.groups,
                "resources": self.resources,
                "deployments": self.deployments,
            }
            part = self._path.with_suffix(".part")
            part.unlink(missing_ok=True)
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file)
            part.replace(self._path)

    def copy_of(self, value: dict[str, Any]) -> dict[str, Any]:
        """Returns a copy for a response, because another thread may change the original."""
        with self.lock:
            return copy.deepcopy(value)

    def in_group(self, group: str) -> list[dict[str, Any]]:
        key = group.lower()
        with self.lock:
            return [r for r in self.resources.values() if r["group"] == key]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        with self.lock:
            return [r for r in self.resources.values() if r["type"].lower() == kind]

    def get(self, identity: str) -> dict[str, Any] | None:
        with self.lock:
            return self.resources.get(identity.lower())


def without_secrets(body: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy with hashes in place of secrets. The hashes show whether a secret changed."""
    found = copy.deepcopy(body)
    profile = (found.get("properties") or {}).get("osProfile") or {}
    for name in SECRETS:
        if name in profile:
            profile[name] = "sha256:" + hashlib.sha256(str(profile[name]).encode()).hexdigest()
    return found
