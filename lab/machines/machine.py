"""One machine on the host: root file system, network namespace, disks and process."""

import functools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lab.fabric import DataDisk, FabricError, MachineSpec
from lab.machines.link import connect, listens
from lab.machines.seed import write_seed
from lab.machines.shell import run, succeeds

BOOT_SECONDS = 90.0
HALT_SECONDS = 20.0
BOOT = Path(__file__).with_name("boot.sh")


def _one_at_a_time(step: Callable[["Machine"], None]) -> Callable[["Machine"], None]:
    @functools.wraps(step)
    def run(machine: "Machine") -> None:
        with machine.life:
            step(machine)

    return run


class Machine:
    """A machine. `link` is the name of its namespace, link and control group, `router` the
    namespace that the link leads to."""

    def __init__(self, directory: Path, base: Path, spec: MachineSpec, link: str, router: str):
        self.directory, self._base, self.spec = directory, base, spec
        self.link, self.router = link, router
        self._root = directory / "root"
        # Start, stop and delete exclude each other. The service may request a start twice; the
        # machine boots once.
        self.life = threading.RLock()

    @classmethod
    def load(cls, directory: Path, base: Path) -> "Machine":
        data = json.loads((directory / "machine.json").read_text(encoding="utf-8"))
        spec = data["spec"]
        spec["data_disks"] = tuple(DataDisk(**disk) for disk in spec["data_disks"])
        spec["ssh_public_keys"] = tuple(spec["ssh_public_keys"])
        spec["custom_data"] = b""  # it is stored in the seed only
        return cls(directory, base, MachineSpec(**spec), data["link"], data["router"])

    # -- life ----------------------------------------------------------------------------------

    @_one_at_a_time
    def create(self) -> None:
        for name in ("up", "work", "root", "vol/containerd", "vol/kubelet", "disks"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        kept = asdict(self.spec) | {"custom_data": ""}
        text = json.dumps({"link": self.link, "router": self.router, "spec": kept})
        (self.directory / "machine.json").write_text(text, encoding="utf-8")
        self._mount()
        write_seed(self._root, self.spec)
        for disk in self.spec.data_disks:
            path = self._disk(disk)
            if not path.exists():
                with path.open("wb") as file:
                    file.truncate(disk.size_gib * 1024**3)
        self.start()

    @_one_at_a_time
    def start(self) -> None:
        """Boots the machine and returns when sshd listens.

        Raises:
            FabricError: sshd does not listen within 90 s; the message has the end of the console.
        """
        if self.running():
            return
        self._mount()
        connect(self.link, self.router, self.spec.address, self.spec.subnet)
        loops = {disk.lun: self._loop(disk) for disk in self.spec.data_disks}
        argv = [str(BOOT), self.link, *self._nspawn(loops)]
        with (self.directory / "console.log").open("ab") as console:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        (self.directory / "pid").write_text(str(process.pid), encoding="utf-8")
        threading.Thread(target=process.wait, daemon=True).start()
        self._await_ssh(process)

    @_one_at_a_time
    def stop(self) -> None:
        """Shuts the machine down in order, as a deallocation does. The contents of its disks are
        kept."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            self._await_end(pid)
        self._end_rest()

    @_one_at_a_time
    def delete(self) -> None:
        """Kills and removes the machine at once. Its data is discarded."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            self._kill_namespace()
            self._await_end(pid)
        self._end_rest()
        self.dismantle()

    def dismantle(self) -> None:
        """Removes everything of the machine but its processes."""
        while succeeds("mountpoint", "-q", str(self._root)) and succeeds(
            "umount", "-l", str(self._root)
        ):
            continue
        for disk in self.spec.data_disks:
            for loop in _loops(self._disk(disk)):
                run("losetup", "-d", loop, check=False)
        run("ip", "-n", self.router, "link", "del", self.link, check=False)
        run("ip", "netns", "del", self.link, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def pid(self) -> int | None:
        """Returns the id of the process that runs the machine, or None if it ended."""
        try:
            pid = int((self.directory / "pid").read_text(encoding="utf-8"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(BOOT).encode() in command else None

    def running(self) -> bool:
        return self.pid() is not None

    def leader(self) -> int:
        """Returns the host's process id of the machine's PID 1.

        Raises:
            FabricError: the machine is not running.
        """
        found: list[tuple[int, int]] = []
        for pid in self._members():
            try:
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            except OSError:
                continue
            levels = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if levels[-1] == "1" and len(levels) > 2:
                found.append((len(levels), pid))
        if not found:
            raise FabricError(f"{self.spec.hostname} is not running")
        # Containers on the machine's network also have a PID 1, one PID namespace deeper.
        return min(found)[1]

    # -- parts ---------------------------------------------------------------------------------

    def _disk(self, disk: DataDisk) -> Path:
        return self.directory / "disks" / f"lun{disk.lun}.img"

    def _mount(self) -> None:
        if succeeds("mountpoint", "-q", str(self._root)):
            return
        layers = f"lowerdir={self._base},upperdir={self.directory}/up,workdir={self.directory}/work"
        run("mount", "-t", "overlay", self.link, "-o", layers, str(self._root))

    def _loop(self, disk: DataDisk) -> str:
        existing = _loops(self._disk(disk))
        return (
            existing[0]
            if existing
            else run("losetup", "--find", "--show", str(self._disk(disk))).strip()
        )

    def _nspawn(self, loops: dict[int, str]) -> list[str]:
        argv = ["systemd-nspawn", "--quiet", "-D", str(self._root), "--boot"]
        argv += [f"--machine={self.spec.hostname}", "--register=no", "--console=pipe"]
        argv += [f"--network-namespace-path=/run/netns/{self.link}", "--resolv-conf=off"]
        argv += ["--timezone=off", "--link-journal=no", "--capability=all"]
        # containerd and kubelet need these system calls.
        argv += ["--system-call-filter=@keyring bpf perf_event_open"]
        for name in ("containerd", "kubelet"):
            argv.append(f"--bind={self.directory}/vol/{name}:/var/lib/{name}")
        for lun, device in loops.items():
            argv.append(f"--bind={device}:/dev/disk/azure/data/by-lun/{lun}")
        if Path("/run/systemd/system").is_dir():
            argv.append("--property=DeviceAllow=/dev/kmsg rwm")
            argv += [f"--property=DeviceAllow={device} rwm" for device in loops.values()]
        else:
            argv.append("--keep-unit")
        return argv

    def _await_ssh(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            if listens(self.link):
                return
            time.sleep(0.1)
        console = (self.directory / "console.log").read_text(errors="replace")[-1500:]
        raise FabricError(f"{self.spec.hostname} did not boot; its console ends with:\n{console}")

    def _members(self) -> list[int]:
        return [int(pid) for pid in run("ip", "netns", "pids", self.link, check=False).split()]

    def _kill_namespace(self) -> None:
        for pid in self._members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _await_end(self, pid: int) -> None:
        until = time.monotonic() + HALT_SECONDS
        while time.monotonic() < until and self.pid() == pid:
            time.sleep(0.05)
        if self.pid() == pid:
            os.kill(pid, signal.SIGKILL)

    def _end_rest(self) -> None:
        """Kills what still runs in the machine, and removes its control groups. A SIGKILL to nspawn
        leaves the machine's processes running."""
        self._kill_namespace()
        (self.directory / "pid").unlink(missing_ok=True)
        run(
            "find", "/sys/fs/cgroup", "-depth", "-type", "d",
            "(", "-name", self.link, "-o", "-path", f"*/{self.link}/*", ")",
            "-exec", "rmdir", "{}", ";", check=False,
        )  # fmt: skip


def _loops(path: Path) -> list[str]:
    lines = run("losetup", "-j", str(path), check=False).splitlines()
    return [line.partition(":")[0] for line in lines]
