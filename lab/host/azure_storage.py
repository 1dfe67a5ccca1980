"""The host on Microsoft's own Durable extension: functions-host keeps the hub, serves HTTP and
takes events; its calls are answered by the same worker as the in-memory engine's."""

import json
import logging
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from durabletask.client import TaskHubGrpcClient

from lab.host.calls import Calls
from lab.host.executions import Executions
from lab.host.pool import WorkerPool, worker_environment
from lab.host.program import ensure_program
from lab.storage import free_port

log = logging.getLogger("lab.host")
# The program drains for 20 s when it is asked to end.
END_SECONDS = 25.0
# The extension polls each second on Flex Consumption, where the app runs in Azure.
POLLING = {"storageProvider": {"maxQueuePollingInterval": "00:00:01"}}
KINDS = ("OrchestrationTrigger", "ActivityTrigger", "EventGridTrigger", "HttpTrigger")
KEPT = ("PATH", "HOME", "TMPDIR", "DOTNET_ROOT")


class AzureStorageHost:
    """Everything of one host, for the lab and for tests. When the program dies, it and the worker
    are started anew, as Azure does.

    Config: as of the in-memory host, and storage (connection string with blobs, queues and tables),
    cache, durableTask (over host.json's section; optional).
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._logs = Path(config["logs"])
        self._program = ensure_program(Path(config["cache"]), log.info)
        app = Path(config["app"])
        self.pool = WorkerPool(
            app, worker_environment(config.get("settings", {})), self._logs / "worker.log"
        )
        self.pool.start()
        self._executions = Executions(config.get("mode", "once"))
        self.executions = self._executions.counts
        self._calls = Calls(self.pool, self._executions)
        self._port = int(config.get("port", 0)) or free_port()
        self._file = self._logs / f"functions-host-{self._port}.json"
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when the program answers.

        Raises:
            RuntimeError: it ended before, with the end of its log.
        """
        self._calls.start()
        _write_private(self._file, json.dumps(self._settings()))
        self._open()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="functions-host")
        self._watcher.start()

    def instances(self) -> list[str]:
        """Ids of every orchestration that the hub knows."""
        with TaskHubGrpcClient(host_address=self.address) as client:
            return [state.instance_id for state in client.get_all_orchestration_states()]

    @property
    def address(self) -> str:
        """Of the extension's gRPC service."""
        return str(json.loads(self._calls.binding)["rpcBaseUrl"]).removeprefix("http://")

    def end(self) -> None:
        """In order: the program drains, then the worker ends."""
        self._ending.set()
        with self._lock:
            self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._close()

    def kill(self) -> None:
        """As a machine that fails: nothing is drained, and no other one is started."""
        self._ending.set()
        with self._lock:
            self.process.kill()
        self.pool.process.kill()
        self._close()

    def _close(self) -> None:
        self.process.wait()
        self._watcher.join()
        self.pool.end()
        self._calls.end()

    def _open(self) -> None:
        log_file = self._logs / "functions-host.log"
        with log_file.open("ab") as file:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", str(self._program), str(self._file)],
                env={name: os.environ[name] for name in KEPT if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
            )
        line = self.process.stdout.readline() if self.process.stdout else b""
        if not line:
            self.process.wait()
            tail = log_file.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"functions-host did not start:\n{tail}")
        ready = json.loads(line)
        self._calls.binding = ready["binding"]
        log.info("functions-host is up after %s s", ready["seconds"])

    def _watch(self) -> None:
        while True:
            code = self.process.wait()
            if self._ending.is_set():
                return
            log.error("functions-host ended with %s; another is started, with a new worker", code)
            self.pool.process.kill()
            self._reopen()

    def _reopen(self) -> None:
        while True:
            with self._lock:
                if self._ending.is_set():
                    return
                try:
                    self._open()
                except RuntimeError as error:
                    log.error("%s", error)  # noqa: TRY400 -- the text has all there is to know
                else:
                    return
            time.sleep(1.0)

    def _settings(self) -> dict[str, Any]:
        config = self._config
        return {
            "hostJson": str(Path(config["app"]) / "host.json"),
            "durableTask": POLLING | config.get("durableTask", {}),
            "storage": config["storage"],
            "functions": [_described(f) for f in self.pool.functions if f["kind"] in KINDS],
            "worker": self._calls.url,
            "port": self._port,
            "keys": config["keys"],
        }


def _described(function: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "kind", "parameter", "durable", "route", "methods", "auth")
    return {name: function.get(name) for name in names}


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
