"""Callers of the app that do not stop while it dies: each works on one cluster, or on one tagged
group, with random steps of its own seed."""

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import requests

from tests.kills.installation import Installation

UNANSWERED, PAUSE = (500, 502, 503, 504), 0.3
# How long a caller repeats a request, an event, and a question for the end of an operation.
ANSWER_SECONDS, EVENT_SECONDS, FOLLOW_SECONDS = 300.0, 900.0, 240.0
WRITE, DELETE = (
    "Microsoft.Resources.ResourceWriteSuccess",
    "Microsoft.Resources.ResourceDeleteSuccess",
)
OPERATION = "Microsoft.Resources/subscriptions/resourceGroups/"


@dataclass
class Book:
    """What the callers were told, and when they end. `accepted`: the operations that were answered
    with 202, by their path."""

    over: threading.Event = field(default_factory=threading.Event)
    accepted: set[str] = field(default_factory=set[str])
    done: Counter[str] = field(default_factory=Counter[str])
    # By the name of a secret, how many versions of it are right, if it is not one.
    versions: dict[str, int] = field(default_factory=dict[str, int])
    answers: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, answer: requests.Response) -> None:
        with self._lock:
            self.answers[f"{what} {answer.status_code}"] += 1
            if answer.status_code == 202 and answer.headers.get("Location"):
                self.accepted.add(answer.headers["Location"])

    def did(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1


class Caller:
    """Sends requests until each is answered. The worker or the host may die during any of them."""

    def __init__(self, app: Installation, name: str, chance: random.Random, book: Book) -> None:
        self.app, self.name, self.chance, self.book = app, name, chance, book

    def work(self) -> None:
        """Makes one random step."""
        raise NotImplementedError

    def end(self) -> None:
        """Removes the cluster and waits for the removal's end."""
        raise NotImplementedError

    def ask(self, what: str, method: str, path: str, body: Any = None) -> requests.Response:
        """Repeats the request until something answers it, as a client of the app does."""
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(requests.RequestException):
                answer = self.app.send(method, path, body)
                if answer.status_code not in UNANSWERED:
                    self.book.note(what, answer)
                    return answer
            time.sleep(PAUSE)
        raise AssertionError(f"{method} {path} was never answered")

    def delete(self) -> requests.Response:
        return self.ask("DELETE", "DELETE", f"/api/clusters/{self.name}")

    def follow(self, answer: requests.Response, seconds: float = FOLLOW_SECONDS) -> None:
        """Waits for the end of the operation, or for the time to pass."""
        path, until = answer.headers.get("Location"), time.monotonic() + seconds
        while path and time.monotonic() < until and not self.book.over.is_set():
            if self.ask("GET", "GET", path).status_code != 202:
                return
            time.sleep(1.0)

    def at_once(self, *calls: Callable[[], requests.Response]) -> list[requests.Response]:
        with ThreadPoolExecutor(len(calls)) as pool:
            asked = [pool.submit(call) for call in calls]
            return [one.result() for one in asked]


class ApiCaller(Caller):
    """Launches, changes, cancels and removes one cluster. `group`: a group that exists and that
    others use too, or ""."""

    def __init__(
        self, app: Installation, number: int, chance: random.Random, book: Book, group: str = ""
    ) -> None:
        super().__init__(app, f"kills-{number}", chance, book)
        self._workers, self._net, self._group = 1, f"10.{90 + number}", group

    def work(self) -> None:
        steps = {
            self._launch: 8,
            self._change: 4,
            self._cancel: 4,
            self._remove: 3,
            self._interrupt: 3,
            self._put_twice: 2,
            self._remove_twice: 1,
            self._put_and_remove: 2,
        }
        step = self.chance.choices(list(steps), list(steps.values()))[0]
        self.book.did(step.__name__.strip("_"))
        step()

    def end(self) -> None:
        self.follow(self.delete())

    def _put(self) -> requests.Response:
        subnets = ("controller", "controlPlane", "etcd")
        spec: dict[str, Any] = {
            "name": self.name,
            "network": {
                "vnetCidr": f"{self._net}.0.0/16",
                "subnets": {part: f"{self._net}.{n}.0/24" for n, part in enumerate(subnets)},
            },
            "etcd": {"count": 1},
            "workers": [{"name": "worker", "count": self._workers}],
        }
        if self._group:
            spec["resourceGroup"] = self._group
        return self.ask("PUT", "PUT", f"/api/clusters/{self.name}", spec)

    def _post_cancel(self) -> requests.Response:
        return self.ask("cancel", "POST", f"/api/clusters/{self.name}/cancel")

    def _launch(self) -> None:
        self.follow(self._put())

    def _change(self) -> None:
        """Asks for one more worker, also while the run before goes on."""
        first = self._put()
        self.follow(first, self.chance.uniform(0, 30))
        self._workers = min(self._workers + 1, 4)
        self.follow(self._put())

    def _cancel(self) -> None:
        begun = self._put()
        self.follow(begun, self.chance.uniform(0, 25))
        self._post_cancel()
        self.follow(begun)

    def _remove(self) -> None:
        self.follow(self.delete())
        self._workers = 1

    def _interrupt(self) -> None:
        begun = self._put()
        self.follow(begun, self.chance.uniform(0, 20))
        self._remove()

    def _put_twice(self) -> None:
        for answer in self.at_once(self._put, self._put):
            self.follow(answer)

    def _remove_twice(self) -> None:
        for answer in self.at_once(self.delete, self.delete):
            self.follow(answer)
        self._workers = 1

    def _put_and_remove(self) -> None:
        for answer in self.at_once(self._put, self.delete, self._post_cancel):
            self.follow(answer)
        self.follow(self.delete())
        self._workers = 1


class NodeCaller(ApiCaller):
    """Keeps one cluster, and removes single workers of it again and again.

    A removal is accepted only between two runs, so each run is followed to its end.
    """

    WORKERS = 3

    def work(self) -> None:
        self._workers = self.WORKERS
        self._until_ended(self._put())
        shown = self.ask("GET", "GET", f"/api/clusters/{self.name}").json()
        workers = [one["name"] for one in shown.get("nodes", ()) if one["role"] == "worker"]
        if not workers or self.book.over.is_set():
            return
        self.book.did("remove node")
        path = f"/api/clusters/{self.name}/nodes/{self.chance.choice(workers)}"
        ask = partial(self.ask, "DELETE node", "DELETE", path)
        answers = self.at_once(ask, ask) if self.chance.random() < 0.3 else [ask()]
        for answer in answers:
            ended = self._until_ended(answer)
            self.book.did(f"remove node: {answer.status_code}, {ended or 'left'}")

    def _until_ended(self, answer: requests.Response) -> int:
        """Returns the status of the operation's end, or 0 if the kills are over before it."""
        path = answer.headers.get("Location")
        while path and not self.book.over.is_set():
            ended = self.ask("GET", "GET", path)
            if ended.status_code != HTTPStatus.ACCEPTED:
                return ended.status_code
            time.sleep(1.0)
        return 0


class GroupCaller(Caller):
    """Creates and deletes a tagged group, and sends its events until they are acknowledged."""

    def __init__(self, app: Installation, number: int, chance: random.Random, book: Book) -> None:
        super().__init__(app, f"tagged-{number}", chance, book)

    def work(self) -> None:
        self.book.did("tagged group")
        tags = {"slipway": f"small;workers={self.chance.randint(1, 3)}"}
        self.app.services.groups.create(self.name, "westeurope", tags)
        self._event(WRITE, "write")
        if self.chance.random() < 0.5:
            self._event(WRITE, "write")
        self._wait(self.chance.choice((self.chance.uniform(0, 20), FOLLOW_SECONDS)))
        if self.chance.random() < 0.3:
            self.follow(self.delete())
        self.end()

    def end(self) -> None:
        """Deletes the group, sends its event, and waits until its cluster is removed."""
        self.app.services.groups.begin_delete(self.name)
        while self.app.services.groups.exists(self.name):
            time.sleep(PAUSE)
        self._event(DELETE, "delete")
        self._wait(FOLLOW_SECONDS)

    def _event(self, kind: str, operation: str) -> None:
        event = {
            "id": str(uuid.UUID(int=self.chance.getrandbits(128))),
            "type": kind,
            "time": datetime.now(UTC).isoformat(),
            "data": {"operationName": OPERATION + operation},
        }
        self.book.did(f"event {operation}")
        until = time.monotonic() + EVENT_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(requests.RequestException):
                if self.app.deliver(self.name, event) < 300:
                    return
            time.sleep(1.0)
        raise AssertionError(f"an event of {self.name} was never acknowledged")

    def _wait(self, seconds: float) -> None:
        """Waits until nothing of the cluster is going on, or for the time to pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.book.over.is_set():
            shown = self.ask("GET", "GET", f"/api/clusters/{self.name}")
            if shown.status_code == 404:
                return
            if shown.json()["state"] not in ("running", "pending", "deleting"):
                return
            time.sleep(1.0)
