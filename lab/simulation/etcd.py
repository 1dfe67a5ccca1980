"""etcd as the programs for its members find it on simulated ones (`cluster/on_node/snapshot.py`,
`cluster/on_node/restore.py`)."""

import hashlib
from typing import Any
from urllib.parse import unquote, urlsplit

from cluster.encryption import FIRST
from cluster.on_node.etcd_member import MISSING
from cluster.on_node.members import UNSAFE, is_safe
from cluster.on_node.restore import DAMAGED, NO_TOOL
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs

# The duration of a snapshot with its check, and of its upload.
SAVE_SECONDS, UPLOAD_SECONDS = 4.0, 3.0
# That of a download with the making of the data, of the end of etcd, and of a start of its members.
PREPARE_SECONDS, REPLACE_SECONDS, START_SECONDS = 6.0, 2.0, 3.0

# What a program ends with: its exit code, its answer, its error.
type Ended = tuple[int, dict[str, Any], str]


class Etcd:
    """The members of one cluster, and the snapshots on them.

    Attributes:
        unhealthy: members that cannot answer, and why.
        unseen: members that answer and that the others do not see healthy, and why.
        content: what a snapshot of them holds.
        left: the snapshots that are on a member's disk, by member and id.
        uploads, downloads: the addresses that members were given.
        bumps: what members were told to add to the revision.
        refusal: what storage refuses uploads with, or "".
        removed: the peer URLs of members that were removed, in order.
        without_tool: members whose etcd has no tool that restores.
        data: the restore that each member's data are from, and what they hold. A member that is not
            named has `content`, of no restore.
        prepared: the same of the data that lie beside them.
        stopped: the members whose etcd does not run.
        secrets: the Secrets, and the name of the key that each is encrypted with.
    """

    def __init__(self, clock: Clock, blobs: Blobs) -> None:
        self._clock, self._blobs = clock, blobs
        self.unhealthy: dict[str, str] = {}
        self.unseen: dict[str, str] = {}
        self.content = b"keys and values"
        self.left: dict[tuple[str, str], bytes] = {}
        self.uploads: list[str] = []
        self.downloads: list[str] = []
        self.bumps: list[int] = []
        self.refusal = ""
        self.removed: list[str] = []
        self.without_tool: set[str] = set()
        self.data: dict[str, tuple[int, bytes]] = {}
        self.prepared: dict[str, tuple[int, bytes]] = {}
        self.stopped: set[str] = set()
        self.secrets: dict[tuple[str, str], str] = {
            ("default", "token"): FIRST,
            ("shop", "password"): FIRST,
        }

    def answer(self, member: str, request: dict[str, Any]) -> Ended:
        if request["action"] == "save":
            return self._save(member, request["id"])
        if request["action"] == "upload":
            return self._upload(member, request)
        self.left = {key: data for key, data in self.left.items() if key[0] != member}
        return 0, {}, ""

    def members(self, asked: str, request: dict[str, Any], peers: dict[str, str]) -> Ended:
        """Answers as `cluster/on_node/members.py` does.

        Args:
            asked: the member that is asked.
            request: what it reads.
            peers: the peer URL of each member that exists.
        """
        if reason := self.unhealthy.get(asked):
            return 1, {}, f"etcdctl member list: {reason}"
        target = next((name for name, peer in peers.items() if peer == request["peer"]), "")
        others = [name for name in peers if name != target]
        faults = [f"{n}: {self.unhealthy[n]}" for n in others if n in self.unhealthy]
        listed = bool(target) and request["peer"] not in self.removed
        found: dict[str, Any] = {
            "listed": listed,
            "healthy": listed and target not in self.unhealthy,
            "others": len(others),
            "well": len(others) - len(faults),
            "needed": (len(others) + listed) // 2 + 1,
            "faults": faults,
            "removed": False,
        }
        if request["action"] == "remove" and listed:
            if not is_safe(found):
                return UNSAFE, found, ""
            self.removed.append(request["peer"])
            found["removed"] = True
        return 0, found, ""

    def _save(self, member: str, backup: str) -> Ended:
        if reason := self.unhealthy.get(member):
            return 1, {}, f"etcdctl: {reason}"
        self._clock.spend(SAVE_SECONDS)
        data = self.left.setdefault((member, backup), self.content)
        found = {
            "takenAt": "2026-11-30T12:00:00Z",
            "etcd": "3.6.14",
            "revision": 42,
            "keys": 17,
            "hash": 2596996162,
            "checkedBy": "etcdutl",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        }
        return 0, found, ""

    def _upload(self, member: str, request: dict[str, Any]) -> Ended:
        self.uploads.append(request["url"])
        data = self.left.get((member, request["id"]))
        if data is None:
            return MISSING, {}, "the snapshot is not on this machine any more"
        if self.refusal:
            return 1, {}, f"storage refused the upload: {self.refusal}"
        self._clock.spend(UPLOAD_SECONDS)
        name = _name(request["url"])
        if self._blobs.stored_content(name) is not None:
            return 0, {"state": "exists"}, ""
        self._blobs.write(name, data)
        return 0, {"state": "uploaded"}, ""

    def answer_secrets(self, member: str, request: dict[str, Any]) -> Ended:
        """Answers as `cluster/on_node/etcd_secrets.py` does."""
        if reason := self.unhealthy.get(member):
            return 1, {}, f"etcdctl: {reason}"
        others = [list(name) for name, key in self.secrets.items() if key != request["key"]]
        return 0, {"total": len(self.secrets), "others": others[: request["most"]]}, ""

    def rewrite(self, names: list[tuple[str, str]], key: str) -> None:
        """Encrypts Secrets with the key of that name."""
        self.secrets.update((name, key) for name in names if name in self.secrets)

    def answer_restore(self, member: str, request: dict[str, Any]) -> Ended:
        number = request["restore"]
        restored = self.data.get(member, (0, b""))[0] == number
        match request["action"]:
            case "prepare":
                return self._prepare(member, request)
            case "replace":
                return self._replace(member, number)
            case "start":
                if not restored:
                    return MISSING, {}, "the member's data are not those of this restore"
                if reason := self.unhealthy.get(member):
                    return 1, {}, f"etcdctl: {reason}"
                self.stopped.discard(member)
                self._clock.spend(START_SECONDS)
                return 0, {"cluster": str(number), "revision": 1_000_000_042}, ""
            case "undo":
                if not restored:
                    self.stopped.discard(member)
                    self.prepared.pop(member, None)
        return 0, {"restored": restored}, ""

    def _prepare(self, member: str, request: dict[str, Any]) -> Ended:
        if member in self.without_tool:
            return NO_TOOL, {}, "there is no etcdutl"
        number = request["restore"]
        if number not in (self.prepared.get(member, (0,))[0], self.data.get(member, (0,))[0]):
            self.downloads.append(request["url"])
            self.bumps.append(request["bump"])
            self._clock.spend(PREPARE_SECONDS)
            data = self._blobs.content[_name(request["url"])][0]
            if hashlib.sha256(data).hexdigest() != request["sha256"]:
                return DAMAGED, {}, "the snapshot has another SHA-256"
            self.prepared[member] = (number, data)
        return 0, {"tool": "etcdutl", "etcd": "3.6.14"}, ""

    def _replace(self, member: str, number: int) -> Ended:
        if self.data.get(member, (0,))[0] != number:
            if self.prepared.get(member, (0,))[0] != number:
                return MISSING, {}, "nothing is prepared on this machine"
            self._clock.spend(REPLACE_SECONDS)
            self.stopped.add(member)
            self.data[member] = self.prepared.pop(member)
        return 0, {"aside": f"member-data.before-restore-{number}"}, ""


def _name(url: str) -> str:
    """Returns the blob of an address, whose path begins with the container."""
    return unquote(urlsplit(url).path).lstrip("/").partition("/")[2]
