"""A whole lab for the tests: real machines, real SSH, real Ansible, every activity run twice."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.azure.credentials import credential
from clients.settings import Settings
from lab.testing.engines import need_program
from lab.testing.machines import (
    CACHE,
    CHOSEN,
    MOST,
    LabInfo,
    LabOptions,
    Machine,
    Site,
    control,
    fill,
    find_machine,
    run_in,
    this_process,
)  # fmt: skip

# Two test runs on one machine have two labs. Numbers below these are for the users' own labs.
STATE = Path(f"/var/lib/slipway-lab-test-{os.getpid()}")
SITE = Site(CHOSEN + os.getpid() % (MOST - CHOSEN))
SPEC: dict[str, Any] = {
    "name": "first",
    "network": {
        "vnetCidr": "10.90.0.0/16",
        "subnets": {
            "controller": "10.90.0.0/24",
            "controlPlane": "10.90.1.0/24",
            "etcd": "10.90.2.0/24",
        },
    },
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "workers": [{"name": "worker", "count": 1}],
}


@dataclass
class Lab:
    """The HTTP API of the running lab, and its machines."""

    info: LabInfo
    options: LabOptions

    # Keeps a play in the middle: it waits up to five minutes for this lock.
    HOLD_PACKAGES = (
        "systemd-run --quiet --collect --unit=holder python3 -c 'import fcntl, time; "
        'f = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(f, fcntl.LOCK_EX); '
        "time.sleep(900)'"
    )
    RELEASE_PACKAGES = "systemctl stop holder"

    def restart(self) -> None:
        """Stops and starts every service. The machines keep running."""
        assert control.stop(STATE) == ["services"]
        self.info = control.up(self.options, print)

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"x-functions-key": self.info.key}
        return requests.request(
            method, self.info.url + path, json=body, headers=headers, timeout=60
        )

    def follow(self, path: str, seconds: float = 420) -> requests.Response:
        """As a pipeline does: until the answer is no longer 202."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.call("GET", path)
            if answer.status_code not in (202, 500):  # 500: the worker is being replaced
                return answer
            time.sleep(1)
        raise AssertionError(f"{path} never ended")

    def apply(
        self, spec: dict[str, Any], seconds: float = 420, *, full: bool = False
    ) -> requests.Response:
        """`full`: the play runs on every machine, also if nothing concerns it."""
        query = "?full=true" if full else ""
        accepted = self.call("PUT", f"/api/clusters/{spec['name']}{query}", spec)
        assert accepted.status_code == 202, accepted.text
        return self.follow(accepted.headers["Location"], seconds)

    def refused(self, spec: dict[str, Any], *, full: bool = False) -> dict[str, Any]:
        """The cause of a run that fails: it always says where, what and what to do next."""
        answer = self.apply(spec, full=full)
        assert answer.status_code == 424, answer.text
        cause = answer.json()["cause"]
        assert all(cause[part] for part in ("code", "phase", "place", "message", "nextStep")), cause
        shown = self.call("GET", f"/api/clusters/{spec['name']}").json()
        assert (shown["state"], shown["cause"]) == ("failed", cause)
        return cause

    def succeeds(self, spec: dict[str, Any], *, full: bool = False) -> list[str]:
        """The texts of the run's events, which are whole, each once and in order."""
        answer = self.apply(spec, full=full)
        assert answer.status_code == 200, answer.text
        events = self.events(spec["name"])
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        return [event["text"] for event in events]

    def until(self, what: str, look: Callable[[], bool], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < until, f"never: {what}"
            time.sleep(0.5)

    def until_task(self, name: str, task: str) -> None:
        """Until the play is at that task."""

        def look() -> bool:
            play = self.call("GET", f"/api/clusters/{name}").json().get("play") or {}
            return str(play.get("task", "")).endswith(task)

        self.until(f"task {task}", look)

    def machine(self, hostname: str) -> Machine:
        return find_machine(STATE, hostname)

    def children(self, part: str) -> list[int]:
        """Processes of this lab whose command line has that part."""
        found: list[int] = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parents = _ancestors(int(path.name))
            except OSError:
                continue
            if part in command and self.info.info["pid"] in parents:
                found.append(int(path.name))
        return found

    def worker(self) -> int | None:
        """The functions worker's process; None while it is being replaced."""
        return next(iter(self.children("lab.host.worker")), None)

    def machines(self, name: str) -> list[str]:
        """The cluster's machines that exist, by host name."""
        found = (STATE / "machines").glob(f"{name}-rg--*/machine.json")
        return sorted(path.parent.name.partition("--")[2] for path in found)

    def settings(self) -> Settings:
        """Changes resources outside of Slipway, with a token of the lab's identity."""
        info = self.info.info
        known = json.loads((STATE / "secrets.json").read_text())
        os.environ["IDENTITY_ENDPOINT"] = f"{info['azure']}/identity"
        os.environ["IDENTITY_HEADER"] = known["identityHeader"]
        # It keeps tokens, and another lab's are refused by this one.
        credential.cache_clear()
        vault = "https://slipway-lab.vault.azure.net"
        return Settings(info["subscription"], vault, "", loopback=info["azure"])

    def secrets(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """A cluster's secrets in the vault, by name: versions, oldest first."""
        found = json.loads((STATE / "vault.json").read_text())["secrets"]
        return {key: value for key, value in found.items() if key.startswith(f"{name}-")}

    def nothing_happened_twice(self, name: str) -> None:
        """After one run: one play, each event and message once, one version of each secret."""
        events = self.events(name)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        texts = [event["text"] for event in events]
        assert sum(text.startswith("recap:") for text in texts) == 1
        assert sum(text.startswith("playbook started") for text in texts) == 1
        said = [json.loads(line)["text"] for line in self.slack()]
        assert said
        assert len(said) == len(set(said))
        secrets = self.secrets(name)
        assert secrets
        assert all(len(versions) == 1 for versions in secrets.values())

    def events(self, name: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/api/clusters/{name}/events").json()["events"]

    def slack(self) -> list[str]:
        path = STATE / "slack.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def in_machine(self, hostname: str, script: str) -> int:
        """Runs a script as root inside a machine; its exit code."""
        return run_in(STATE, hostname, ["bash", "-c", script])

    def faults(self, **faults: Any) -> None:
        requests.put(f"{self.info.info['azure']}/_lab/faults", json=faults, timeout=10)

    def event(self, group: str, **changes: Any) -> int:
        """A resource group event, as Event Grid delivers it."""
        subscription = self.info.info["subscription"]
        event = {
            "specversion": "1.0",
            "id": hashlib.sha256(group.encode()).hexdigest(),
            "source": f"/subscriptions/{subscription}",
            "type": "Microsoft.Resources.ResourceWriteSuccess",
            "subject": f"/subscriptions/{subscription}/resourceGroups/{group}",
            "time": datetime.now(UTC).isoformat(),
            "data": {"operationName": "Microsoft.Resources/subscriptions/resourceGroups/write"},
        }
        url = f"{self.info.url}/runtime/webhooks/eventgrid?functionName=on_group_event"
        url += f"&code={self.info.info['keys']['eventGrid']}"
        headers = {"aeg-event-type": "Notification"}
        return requests.post(url, json=event | changes, headers=headers, timeout=60).status_code


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.add(pid)
    return found


@contextmanager
def open_lab(
    mirror: dict[str, str],
    mode: str,
    settings: dict[str, str] | None = None,
    engine: str = "memory",
) -> Iterator[Lab]:
    """One at a time in a test run, whose end it does not outlive; taken down whatever happened."""
    if os.geteuid() != 0:
        pytest.fail("lab tests need root: run ./slipway test as root or with sudo")
    control.sweep(print, STATE)
    control.down(lambda _: None, STATE)
    options = LabOptions(
        state=STATE,
        engine=engine,
        mode=mode,
        site=SITE.number,
        owner=this_process(),
        mirror=mirror,
        settings=settings or {},
    )
    yield Lab(control.up(options, print), options)
    assert control.down(lambda _: None, STATE)
    assert control.down(lambda _: None, STATE) == []


def mirror() -> dict[str, str]:
    made = fill(CACHE, print)
    return {
        "directory": str(made.directory),
        "manifestSha256": made.manifest_sha256,
        "through": "etcd",
    }


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A module's `MODE`, `SETTINGS` and `ENGINE` make its lab; without them every activity runs
    twice, in memory."""
    module = request.module
    mode, settings = getattr(module, "MODE", "twice"), getattr(module, "SETTINGS", {})
    engine = getattr(module, "ENGINE", "memory")
    if engine != "memory":
        need_program()
    with open_lab(mirror(), mode, settings, engine) as opened:
        yield opened


def tiny(name: str, second: int, through: str) -> dict[str, Any]:
    """The smallest cluster: its controller is kept, so that a test can reach into it."""
    subnets = ("controller", "controlPlane", "etcd")
    return {
        "name": name,
        "network": {
            "vnetCidr": f"10.{second}.0.0/16",
            "subnets": {part: f"10.{second}.{n}.0/24" for n, part in enumerate(subnets)},
        },
        "controller": {"keep": True},
        "etcd": {"count": 1, "dataDiskGiB": 4},
        "workers": [],
        "playbook": {"through": through},
    }


@pytest.fixture(scope="module")
def field(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The spec of the one small cluster that a module's faults happen to."""
    return tiny("field", request.module.NETWORK, request.module.THROUGH)


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> requests.Response:
    """The first cluster, brought up once for all tests, with every activity executed twice."""
    return lab.apply(SPEC)
