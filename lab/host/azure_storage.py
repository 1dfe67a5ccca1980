"""The engine `azure-storage`: Microsoft's own Durable extension in the program functions-host,
which also serves HTTP and receives events."""

import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.host.calls import Calls
from lab.host.executions import Executions
from lab.host.hub import Functions, HubOptions
from lab.storage import free_port

log = logging.getLogger("lab.host")
# The program drains for 20 s when it is asked to stop.
END_SECONDS = 25.0
# The extension polls each second on Flex Consumption, which runs the app in Azure.
POLLING = "00:00:01"
LOG_CHARACTERS = 20_000
KINDS = ("OrchestrationTrigger", "ActivityTrigger", "EventGridTrigger", "HttpTrigger")
DESCRIBED = ("name", "kind", "parameter", "durable", "route", "methods", "auth")
# The program ends with this process, even if this process is killed.
TIED = ("setpriv", "--pdeathsig", "TERM", "--")
KEPT = ("PATH", "HOME", "TMPDIR", "DOTNET_ROOT")


class ExtensionHub:
    """One functions-host process. If it dies, another one is started, as in Azure; `died` is called
    before that, to stop what depends on the process."""

    def __init__(
        self,
        app: Functions,
        executions: Executions,
        options: HubOptions,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        self._app, self._options, self._died = app, options, died
        self._calls = Calls(app, executions)
        self._port = options.port or free_port()
        self._config = options.logs / f"functions-host-{self._port}.json"
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the program and returns when it is ready.

        Raises:
            RuntimeError: the program ended before; the message has the end of its log.
        """
        self._calls.start()
        _write_private(self._config, json.dumps(self._configuration()))
        self._open()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="functions-host")
        self._watcher.start()

    @property
    def address(self) -> str:
        """The address of the extension's gRPC service. It changes with each start of the
        program."""
        return str(json.loads(self._calls.binding)["rpcBaseUrl"]).removeprefix("http://")

    @property
    def ended(self) -> bool:
        return self._ending.is_set()

    def end(self) -> None:
        """Stops the program after it has drained, or kills it after END_SECONDS."""
        self._ending.set()
        with self._lock:
            self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._close()

    def kill(self) -> None:
        """Simulates a machine failure: the program does not drain, and no other one is started."""
        self._ending.set()
        with self._lock:
            self.process.kill()
        self._close()

    def _close(self) -> None:
        self.process.wait()
        self._watcher.join()
        self._calls.end()

    def _open(self) -> None:
        log_file = self._options.logs / "functions-host.log"
        with log_file.open("ab") as file:
            self.process = subprocess.Popen(
                [*TIED, str(self._options.program), str(self._config)],
                env={name: os.environ[name] for name in KEPT if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
            )
        out = self.process.stdout
        assert out is not None  # noqa: S101 -- it is a pipe
        with out:
            line = out.readline()
        if not line:
            self.process.wait()
            text = log_file.read_text(errors="replace")
            cause = text[max(text.rfind("Unhandled exception"), len(text) - LOG_CHARACTERS) :]
            raise RuntimeError(f"functions-host did not start:\n{cause[:1500]}")
        ready = json.loads(line)
        self._calls.binding = ready["binding"]
        log.info("functions-host is up after %s s", ready["seconds"])

    def _watch(self) -> None:
        while True:
            code = self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            if self._ending.is_set():
                return
            log.error("functions-host ended with %s; another one is started", code)
            self._died()
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

    def _configuration(self) -> dict[str, Any]:
        options = self._options
        storage = {"maxQueuePollingInterval": POLLING} | options.durable.get("storageProvider", {})
        described = [
            {name: function.get(name) for name in DESCRIBED}
            for function in self._app.functions
            if function["kind"] in KINDS
        ]
        return {
            "hostJson": str(options.host_json),
            "durableTask": options.durable | {"storageProvider": storage},
            "storage": options.storage,
            "functions": described,
            "worker": self._calls.url,
            "port": self._port,
            "keys": options.keys,
            "bodyLimit": options.body_limit,
        }


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
