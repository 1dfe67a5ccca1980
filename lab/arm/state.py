"""Everything that the stand-in remembers, on disk after each change."""

import json
import threading
from pathlib import Path
from typing import Any


class ArmState:
    """Groups, resources and deployments by id in lower case: ARM ignores case."""

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

    def save(self) -> None:
        with self.lock:
            data = {
                "groups": self.groups,
                "resources": self.resources,
                "deployments": self.deployments,
            }
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(data), encoding="utf-8")
            part.chmod(0o600)
            part.replace(self._path)

    def in_group(self, group: str) -> list[dict[str, Any]]:
        key = group.lower()
        with self.lock:
            return [r for r in self.resources.values() if r["group"] == key]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        with self.lock:
            return [r for r in self.resources.values() if r["type"].lower() == kind.lower()]

    def get(self, identity: str) -> dict[str, Any] | None:
        with self.lock:
            return self.resources.get(identity.lower())
