"""The lab's functions host as a process of its own, with its worker and functions-host, and ways to
kill each of them without notice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.paths import ROOT
from lab.storage import free_port

START_SECONDS = 60.0
# The host ends with the test, even if that is killed.
TIED = ("setpriv", "--pdeathsig", "KILL", "--")


class HostProcess:
    """A host at one address that survives its kills: `start` starts it again on the same port and
    with the same hub. It ends with the thread that started it, even if the test is killed."""

    def __init__(self, config: dict[str, Any], folder: Path) -> None:
        self._config, self._log = folder / "host.json", folder / "host.log"
        port = free_port()
        self._config.write_text(json.dumps(config | {"port": port, "logs": str(folder)}))
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Starts the host and returns when it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*TIED, sys.executable, "-m", "lab.host.main", str(self._config)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        out = self._process.stdout
        line = out.readline().decode().strip() if out else ""
        if line != self.url:
            self.kill()
            raise RuntimeError(f"the host did not start:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """Kills the host and everything that it started, like a machine that loses its power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def kill_worker(self) -> None:
        """Kills the functions worker. The host starts another one."""
        self._kill_child("lab.host.worker")

    def kill_program(self) -> None:
        """Kills functions-host, the engine. The host starts another one, and another worker."""
        self._kill_child("functions-host")

    def _kill_child(self, part: str) -> None:
        """Waits until the process is there, since another kill may just have ended it."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for pid in self._group():
                if part.encode() in _command(pid) and pid != self._process.pid:
                    os.kill(pid, signal.SIGKILL)
                    return
            time.sleep(0.05)
        raise RuntimeError(f"no process {part} of this host:\n{self._log.read_text()[-3000:]}")

    def _group(self) -> list[int]:
        found = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return [pid for pid in found if _group_of(pid) == self._process.pid]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
