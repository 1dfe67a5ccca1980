"""Where secrets are looked for: everything that a lab left on disk, in memory file systems, in
journals, in process arguments, and what its APIs answer."""

import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from lab.testing.machines import FabricError, Machine
from tests.lab.conftest import STATE, Lab
from tests.lab.secret_forms import Forms

SAMPLE_SECONDS = 0.1
MEMORY = ("run", "tmp", "dev/shm")
# Below a machine's directory: what the kernel shows of the other directories, and disks, whose
# zeros would be one line of gigabytes: their data is gathered.
ELSEWHERE = ("root", "work", "disks")
NOTHING_THERE = re.compile(rb": No such file or directory$|/netns/[^/]+: Invalid argument$")


@dataclass(frozen=True, order=True)
class Finding:
    """`place` is a path below the lab's state, or one of `api/`, `journal/`, `memory/`, `data/`
    and `arguments`; never the secret itself."""

    place: str
    secret: str


@dataclass
class Arguments:
    """Command lines of every process on the host and in the machines, ten times a second: what
    lives shorter may be missed once, but a play runs everything many times."""

    seen: set[bytes] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.look()

    def look(self) -> None:
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal():
                try:
                    self.seen.add(Path(entry.path, "cmdline").read_bytes())
                except OSError:
                    continue

    @contextmanager
    def watching(self) -> Iterator["Arguments"]:
        thread = threading.Thread(target=self.watch)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()


def machines() -> list[Machine]:
    made = sorted(path.parent for path in STATE.glob("machines/*/machine.json"))
    return [Machine.load(directory, Path("/")) for directory in made]


def search(lab: Lab, clusters: dict[str, int], arguments: Arguments, forms: Forms) -> set[Finding]:
    """Looks everywhere. `clusters`: names to generations."""
    with tempfile.TemporaryDirectory(dir=STATE.parent) as name:
        gathered = Path(name)
        (gathered / "arguments").write_bytes(b"\n".join(arguments.seen).replace(b"\0", b" "))
        _api(lab, clusters, gathered / "api")
        found = set()
        for machine in machines():
            directory = STATE / "machines" / machine.directory.name
            found |= _machine(machine, directory, gathered, forms)
        # The root is the image with `up` over it; the image is older than any secret.
        found |= _grep(forms, STATE, [p for p in STATE.iterdir() if p.name != "machines"])
        found |= _grep(
            forms, STATE, [p for p in STATE.glob("machines/*/*") if p.name not in ELSEWHERE]
        )
        found |= _grep(forms, gathered, [gathered])
    return found


def _machine(machine: Machine, directory: Path, gathered: Path, forms: Forms) -> set[Finding]:
    name = machine.spec.hostname
    for image in sorted((directory / "disks").glob("*.img")):
        _copy_data(image, gathered / "data" / f"{name}-{image.stem}")
    try:
        leader = machine.leader()
    except FabricError:
        return set()  # halted: its memory is gone, and its journal with it
    journal = gathered / "journal" / name
    journal.parent.mkdir(exist_ok=True)
    with journal.open("wb") as file:
        enter = ["nsenter", "-t", str(leader), "-m", "-p", "-r", "-w", "--"]
        subprocess.run(
            [*enter, "journalctl", "--no-pager", "-o", "export"], stdout=file, check=True
        )
    found: set[Finding] = set()
    for part in MEMORY:
        root = Path(f"/proc/{leader}/root/{part}")
        found |= {
            Finding(f"memory/{name}/{part}/{finding.place}", finding.secret)
            for finding in _grep(forms, root, [root])
        }
    return found


def _copy_data(image: Path, target: Path) -> None:
    """A sparse disk's data only; its zeros become line ends, or a line would be gigabytes."""
    target.parent.mkdir(exist_ok=True)
    with image.open("rb") as source, target.open("wb") as copy:
        end = 0
        while True:
            try:
                start = os.lseek(source.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            source.seek(start)
            while source.tell() < end:
                block = source.read(min(end - source.tell(), 1 << 22))
                copy.write(block.replace(b"\0", b"\n"))


def _api(lab: Lab, clusters: dict[str, int], target: Path) -> None:
    """What a caller of the API and an operator of the task hub can read."""
    for name, generations in clusters.items():
        paths = [f"/api/clusters/{name}", f"/api/clusters/{name}/events", "/api/clusters"]
        for generation in range(1, generations + 1):
            paths.append(f"/api/clusters/{name}/operations/{generation}")
        for path in paths:
            _save(target / path.lstrip("/").removeprefix("api/"), lab.call("GET", path))
        for generation in range(1, generations + 1):
            instance = f"{name}-{generation:06d}"
            url = f"{lab.info.url}/runtime/webhooks/durabletask/instances/{instance}"
            query = {"code": lab.info.info["keys"]["durableTask"], "showHistory": "true"}
            answer = requests.get(url, params=query, timeout=60)
            assert answer.json()["historyEvents"], instance
            _save(target / "history" / instance, answer)


def _save(path: Path, answer: requests.Response) -> None:
    target = path.with_name(path.name + ".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    # As text, so that no escape hides what it says.
    target.write_text(json.dumps(answer.json(), ensure_ascii=False), encoding="utf-8")


def _grep(forms: Forms, root: Path, paths: list[Path]) -> set[Finding]:
    """One pass for all patterns. The patterns are in a file: arguments are searched too."""
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write(b"\n".join(forms))
        patterns.flush()
        options = ["-aroHF", "--null", "-D", "skip", "-f", patterns.name, "--"]
        done = subprocess.run(
            ["grep", *options, *(str(path.relative_to(root)) for path in paths)],
            cwd=root,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
    # What ended meanwhile is gone, and a pod's network namespace is no file; whatever else could
    # not be read was not searched.
    lost = [line for line in done.stderr.split(b"\n") if line and not NOTHING_THERE.search(line)]
    assert not lost, lost[:5]
    found: set[Finding] = set()
    for line in done.stdout.split(b"\n"):
        place, _, match = line.partition(b"\0")
        for secret in forms.get(match, ()):
            found.add(Finding(place.decode(errors="replace").removeprefix("./"), secret))
    return found
