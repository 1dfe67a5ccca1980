"""Callers that change a cluster that lives: each keeps one, and makes one kind of operation with it
again and again. After each it compares what was done to the machines with what was asked for.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

import requests

from cluster.contracts import RunRef
from cluster.keys import public_half
from cluster.names import CREDENTIALS, ENCRYPTION_KEY, SSH_KEY, cluster_key_secret, cluster_secret
from cluster.record import ClusterRecord, PlannedNode
from lab.testing.simulated_clusters import ServedCluster
from tests.kills.callers import ApiCaller, Book
from tests.kills.installation import Installation

ENDED_SECONDS = 900.0
# The causes that a kill may give an operation. The same request goes on then.
OF_KILLS = ("WorkerLost",)
VERSION = "1.36.{}"
FIRST_PATCH = 3

type Ask = Callable[[], requests.Response]


class OperationCaller(ApiCaller):
    """Keeps a cluster. `stories` counts what it has done completely; `wrong` has what it found.

    Attributes:
        kind: what the operations of the caller are called in the counts.
        doing: the kind of the operation that goes on, or "".
    """

    kind: ClassVar[str]
    SPEC: ClassVar[dict[str, Any]] = {"etcd": {"count": 1}}
    WORKERS: ClassVar[int] = 2

    def __init__(self, app: Installation, number: int, chance: random.Random, book: Book) -> None:
        super().__init__(app, number, chance, book)
        self._net = f"10.{100 + number}"
        self.doing, self.stories, self.wrong = "", 0, list[str]()
        self.spec: dict[str, Any] = dict(self.SPEC)
        self.pool: dict[str, Any] = {"name": "worker", "count": self.WORKERS}

    def prepare(self) -> None:
        """Brings the cluster up."""
        self.succeed("launch", self.put)
        assert not self.wrong, self.wrong

    def work(self) -> None:
        """Makes one story: makes the operation, and checks what was done."""
        before = self.disks()
        self.story(before)
        self._check_nothing_left()
        self.stories += 1

    def story(self, before: dict[str, int]) -> None:
        """Makes the operation, and checks it. `before`: the disks of the machines, by name."""
        raise NotImplementedError

    def put(self, **changes: Any) -> requests.Response:
        """Sends the spec, changed for good."""
        self.spec |= changes
        subnets = ("controller", "controlPlane", "etcd")
        spec: dict[str, Any] = {
            "name": self.name,
            "network": {
                "vnetCidr": f"{self._net}.0.0/16",
                "subnets": {part: f"{self._net}.{n}.0/24" for n, part in enumerate(subnets)},
            },
            "workers": [self.pool],
        }
        return self.ask("PUT", "PUT", f"/api/clusters/{self.name}", spec | self.spec)

    def post(self, path: str) -> requests.Response:
        return self.ask(f"POST {self.kind}", "POST", f"/api/clusters/{self.name}/{path}")

    def succeed(self, kind: str, ask: Ask) -> int:
        """Sends a request until its operation has succeeded. Returns the number of operations that
        did: a request whose answer a kill took may be sent again after the operation's end."""
        first = self._generation()
        while True:
            self.doing = kind
            answer = ask()
            if answer.status_code != HTTPStatus.ACCEPTED:
                self.fail(f"{kind}: refused with {answer.status_code}, {answer.text[:300]}")
                break
            status, body = self._end_of(answer)
            code = body.get("cause", {}).get("code", "") if status != HTTPStatus.OK else "succeeded"
            self.book.did(f"{kind}: {code}")
            if code not in OF_KILLS:
                if status != HTTPStatus.OK:
                    self.fail(f"{kind}: {json.dumps(body)[:600]}")
                break
        self.doing = ""
        ends = [result for number, result in self._results() if number > first]
        return ends.count("succeeded")

    def _end_of(self, answer: requests.Response) -> tuple[int, dict[str, Any]]:
        path, until = answer.headers["Location"], time.monotonic() + ENDED_SECONDS
        while time.monotonic() < until:
            ended = self.ask("GET", "GET", path)
            if ended.status_code != HTTPStatus.ACCEPTED:
                return ended.status_code, ended.json()
            time.sleep(0.5)
        raise AssertionError(f"{path} did not end")

    # What there is.

    def record(self) -> ClusterRecord:
        return self.app.services.store.need_record(self.name)[0]

    def slots(self) -> tuple[PlannedNode, ...]:
        return self.record().slots

    def _generation(self) -> int:
        """The number of the last operation, also after a removal."""
        found = self.app.services.store.record(self.name)
        return found[0].generation if found else 0

    def _results(self) -> list[tuple[int, str]]:
        """The result of each operation that has ended, by its number."""
        numbers = range(1, self._generation() + 1)
        refs = [RunRef(cluster=self.name, generation=number) for number in numbers]
        found = ((ref.generation, self.app.services.store.result(ref)) for ref in refs)
        return [(number, result.result) for number, result in found if result]

    def disks(self) -> dict[str, int]:
        """The disk of each machine that the cluster has, by the machine's name."""
        machines = self.app.fabric.of_group(f"{self.name}-rg")
        return {one.name: one.disk for one in machines}

    @property
    def served(self) -> ServedCluster:
        return self.app.machines.cluster(self.name)

    # What must hold.

    def fail(self, text: str) -> None:
        self.wrong.append(f"{self.name}: {text}")

    def need(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.fail(f"{what} is {found}, not {wanted}")

    def need_machines(self, before: dict[str, int], *, gone: set[str], new: int = 0) -> None:
        """Exactly these machines are not there any more, and so many are there that were not."""
        now = self.disks()
        lost = {name for name, disk in before.items() if now.get(name) != disk}
        made = set(now.values()) - set(before.values())
        self.need("what was deleted", sorted(lost), sorted(gone))
        self.need("the number of new machines", len(made), new)

    def _check_nothing_left(self) -> None:
        app, record = self.app, self.record()
        self.need("the state", record.state, "ready")
        self.need("what an upgrade left", record.upgrading, "")
        self.need("open rotations", record.rotations, {})
        self.need("a replacement that is open", record.replacing, False)
        self.need("leaving nodes", [one.name for one in record.slots if one.leaving], [])
        self.need("the machines", sorted(self.disks()), sorted(one.name for one in record.slots))
        own = {name for name in app.facade.vault.secrets if name.startswith(f"{self.name}-")}
        self.need("the secrets", sorted(own), sorted(record.secrets))
        self.need("deployments", app.services.deployments.active(record.group), [])
        served = self.served
        self.need("cordoned nodes", served.kubernetes.cordoned, set())
        self.need("API servers that are stopped", served.kubernetes.away, set())
        self.need("members that are stopped", served.etcd.stopped, set())
        self.need("what etcd had to refuse", served.etcd.wrong, [])
        self.need("nodes that were deleted with their pods", served.removed_full, [])
        members = {one.name for one in record.slots if one.role == "etcd"}
        self.need("etcd's members", set(served.etcd.members_now), members)


class UpgradeCaller(OperationCaller):
    """Upgrades the cluster to the next patch release."""

    kind = "upgrade"

    def story(self, before: dict[str, int]) -> None:
        served, done = self.served, len(self.served.upgraded)
        version = VERSION.format(FIRST_PATCH + self.stories)
        served.kubernetes.manifest = version
        self.succeed(self.kind, lambda: self.put(kubernetes={"version": version}))
        nodes = {
            one.name: before[one.name]
            for one in self.slots()
            if one.role in ("control-plane", "worker")
        }
        upgraded = Counter(served.upgraded[done:])
        self.need(
            "upgrades", upgraded, Counter((name, disk, version) for name, disk in nodes.items())
        )
        self.need("versions", served.kubernetes.versions, dict.fromkeys(nodes, version))
        self.need_machines(before, gone=set())


class RemovalCaller(OperationCaller):
    """Removes workers, by name or by a smaller count, and makes them again."""

    kind = "removal"
    WORKERS = 3

    def story(self, before: dict[str, int]) -> None:
        workers = sorted(one.name for one in self.slots() if one.role == "worker")
        if self.chance.random() < 0.5:
            node = self.chance.choice(workers)
            self.pool["count"] = self.WORKERS - 1
            self.succeed(self.kind, lambda: self._delete(node))
            gone = {node}
        else:
            self.pool["count"] = self.WORKERS - self.chance.choice((1, 2))
            self.succeed(self.kind, self.put)
            gone = set(workers[self.pool["count"] :])
        self.need_machines(before, gone=gone)
        before, self.pool["count"] = self.disks(), self.WORKERS
        self.succeed("growth by workers", self.put)
        self.need_machines(before, gone=set(), new=len(gone))

    def _delete(self, node: str) -> requests.Response:
        """Returns the answer. If the node is gone, that of its cluster's last spec."""
        path = f"/api/clusters/{self.name}/nodes/{node}"
        answer = self.ask("DELETE node", "DELETE", path)
        return self.put() if answer.status_code == HTTPStatus.NOT_FOUND else answer


class ReplacementCaller(OperationCaller):
    """Replaces a node of any kind by its name, or rolls the pool."""

    kind = "replacement"
    SPEC: ClassVar[dict[str, Any]] = {"etcd": {"count": 3}, "controlPlane": {"count": 3}}

    def story(self, before: dict[str, int]) -> None:
        if self.stories % 2:
            self._roll(before)
            return
        role = self.chance.choice(("worker", "control-plane", "etcd"))
        node = self.chance.choice(sorted(one.name for one in self.slots() if one.role == role))
        left = len(self.served.etcd.left_etcd)
        done = self.succeed(self.kind, lambda: self.post(f"nodes/{node}/replace"))
        self.need_machines(before, gone={node}, new=1)
        removed = [name for (name, _) in self.served.etcd.left_etcd[left:]]
        self.need("removals from etcd", removed, [node] * done if role == "etcd" else [])

    def _roll(self, before: dict[str, int]) -> None:
        """Every worker is replaced, once."""
        workers = {one.name for one in self.slots() if one.role == "worker"}
        self.pool["osDiskGiB"] = 65 + self.stories
        self.pool["maxSurge"] = self.chance.choice((0, 1))
        self.pool["maxUnavailable"] = 1 - self.pool["maxSurge"]
        made, removed = len(self._made()), len(self._removed())
        self.succeed("rolled pool", self.put)
        now = self.disks()
        self.need(
            "workers that are the old ones", {n for n in workers if now.get(n) == before[n]}, set()
        )
        others = {name: disk for name, disk in before.items() if name not in workers}
        self.need("the others", {name: now.get(name) for name in others}, others)
        self.need("machines that were made", len(self._made()) - made, len(workers))
        self.need("machines that were deleted", len(self._removed()) - removed, len(workers))

    def _made(self) -> list[str]:
        return [one for one in self.app.fabric.created if f"/{self.name}-" in one]

    def _removed(self) -> list[tuple[str, int]]:
        return [one for one in self.app.fabric.removed if f"/{self.name}-" in one[0]]


class MaintenanceCaller(OperationCaller):
    """Maintains a cluster whose machines get security updates and have to be restarted."""

    kind = "maintenance"
    SPEC: ClassVar[dict[str, Any]] = {
        "etcd": {"count": 3},
        "maintenance": {"securityUpdates": True},
    }

    def story(self, before: dict[str, int]) -> None:
        updates = self.served.updates
        names = sorted(one.name for one in self.slots() if one.role != "controller")
        wanting = self.chance.sample(names, 2)
        restarting = wanting[: self.chance.choice((1, 2))]
        updates.kernels.update((name, "it runs an older kernel") for name in restarting)
        updates.packages.update((name, ["openssl"]) for name in wanting)
        done = len(updates.restarted)
        while True:
            self.succeed(self.kind, lambda: self.post("maintenance"))
            if self.record().state != "degraded" or not self._by_kills():
                break
            self.book.did("maintenance: degraded by kills")
        self.need("restarts", sorted(updates.restarted[done:]), sorted(restarting))
        self.need("machines without their updates", updates.packages, {})
        self.need_machines(before, gone=set())

    def _by_kills(self) -> bool:
        """Whether every finding is one that kills explain. The next maintenance goes on then."""
        return all("worker process ended" in one.detail for one in self.record().findings)


class RotationCaller(OperationCaller):
    """Rotates each credential in its turn."""

    kind = "rotation"
    SPEC: ClassVar[dict[str, Any]] = {"etcd": {"count": 1}, "controlPlane": {"count": 3}}

    def story(self, before: dict[str, int]) -> None:
        credential = CREDENTIALS[self.stories % len(CREDENTIALS)]
        done = self.succeed(
            f"rotation of the {credential}", lambda: self.post(f"credentials/{credential}/rotate")
        )
        record, kubernetes = self.record(), self.served.kubernetes
        self._check_versions(credential, done)
        self.need_machines(before, gone=set())
        if credential == SSH_KEY:
            name = cluster_key_secret(self.name, record.uid)
            key = self.app.services.vault.get(name)
            accepted = {frozenset({public_half(key.value)})} if key else set[frozenset[str]]()
            self.need("accepted keys", set(self.served.accepted.values()), accepted)
            self.need("machines with it", set(self.served.accepted), set(before))
        elif credential == ENCRYPTION_KEY:
            self.need("keys of Secrets", len(set(self.served.etcd.secrets.values())), 1)
            planes = {one.name for one in self.slots() if one.role == "control-plane"}
            self.need("planes with the file", set(kubernetes.reads), planes)
            self.need("files", len(set(kubernetes.reads.values())), 1)
            self.need("what was read", kubernetes.reads, kubernetes.encryption)
        else:
            self.need("admitted groups", len(kubernetes.admins), 1)
            self.need("kubeadm's group is refused", kubernetes.narrowed, True)

    def _check_versions(self, credential: str, done: int) -> None:
        """Each rotation stores one value, or with the encryption key three: the new key as the
        second, as the first and as the only one."""
        part = "encryption" if credential == ENCRYPTION_KEY else credential
        name = cluster_secret(self.name, self.record().uid, part)
        values = 3 if credential == ENCRYPTION_KEY else 1
        least = self.book.versions.get(name, 1) + done * values
        found = len(self.app.facade.vault.secrets[name])
        if not least <= found <= least + self._ended_and_failed() * values:
            self.fail(f"{name} has {found} versions, not {least}")
        self.book.versions[name] = found

    def _ended_and_failed(self) -> int:
        """How many operations lost their last worker after their rotation had ended. The same
        request began another one then."""
        refs = [
            RunRef(cluster=self.name, generation=number)
            for number, result in self._results()
            if result == "failed"
        ]
        ends = [self.app.services.store.result(ref) for ref in refs]
        return sum(bool(e and e.cause and e.cause.place == "retire_credential") for e in ends)


class GrowthCaller(OperationCaller):
    """Lets a cluster grow from one to three members and control planes, and removes it."""

    kind = "growth"
    WORKERS = 1

    def work(self) -> None:
        if self.stories:
            self.spec = {"etcd": {"count": 1}, "controlPlane": {"count": 1}}
            self.prepare()
        before = self.disks()
        grown = {"etcd": {"count": 3}, "controlPlane": {"count": 3}}
        self.succeed(self.kind, lambda: self.put(**grown))
        self.need_machines(before, gone=set(), new=4)
        members = sorted(one.name for one in self.slots() if one.role == "etcd")
        self.need("who joined etcd", sorted(name for name, _ in self.served.etcd.joined), members)
        self.need("who left etcd", self.served.etcd.left_etcd, [])
        self._check_nothing_left()
        self.doing = "removal of a cluster"
        status, body = self._end_of(self.delete())
        self.doing = ""
        if status != HTTPStatus.OK:
            self.fail(f"removal: {json.dumps(body)[:300]}")
        self.need("machines after the removal", self.disks(), {})
        self.stories += 1


class RestoreCaller(OperationCaller):
    """Takes a backup and restores it."""

    kind = "restore"
    SPEC: ClassVar[dict[str, Any]] = {"etcd": {"count": 3}}
    WORKERS = 1

    def story(self, before: dict[str, int]) -> None:
        self.succeed("backup", lambda: self.post("backups"))
        backups = self.ask("GET", "GET", f"/api/clusters/{self.name}/backups").json()["backups"]
        etcd, known = self.served.etcd, self.served.etcd.data
        newest = max(one["id"] for one in backups)
        last = max((number for number, _ in known.values()), default=0)
        self.succeed(self.kind, lambda: self.post(f"backups/{newest}/restore"))
        numbers = {number for number, _ in etcd.data.values()}
        self.need("restores that members have", len(numbers), 1)
        self.need("members with the backup", len(etcd.data), 3)
        if numbers and min(numbers) <= last:
            self.fail(f"the data are those of restore {numbers}, as before")
        self.need("what is prepared and not used", etcd.prepared, {})
        self.need("snapshots left on disks", etcd.left, {})
        self.need_machines(before, gone=set())


EVERY: tuple[type[OperationCaller], ...] = (
    UpgradeCaller,
    RemovalCaller,
    ReplacementCaller,
    MaintenanceCaller,
    RotationCaller,
    GrowthCaller,
    RestoreCaller,
)
