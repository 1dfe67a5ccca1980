"""The host process: engine, worker, HTTP. Usage: python -m lab.host.main CONFIG_FILE."""

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from durabletask.client import TaskHubGrpcClient

from lab.host import ENGINES
from lab.host.azure_storage import ExtensionHub
from lab.host.executions import Executions
from lab.host.hub import BODY_LIMIT, Hub, HubOptions
from lab.host.memory import MemoryHub
from lab.host.pool import WorkerPool, worker_environment
from lab.host.program import ensure_program

log = logging.getLogger("lab.host")


class FunctionsHost:
    """A complete host, for the lab and for tests.

    Config: app (directory), settings, keys (function, master, durableTask, eventGrid), mode, port
    (0 selects a free port), logs, engine, durable (overrides of host.json's section; optional). The
    engine azure-storage also needs storage and cache.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        app, logs = Path(config["app"]), Path(config["logs"])
        program = _program(config)
        settings = config.get("settings", {})
        self.pool = WorkerPool(app, worker_environment(settings), logs / "worker.log")
        self.pool.start()
        self._executions = executions = Executions(config.get("mode", "once"))
        self.executions = executions.counts
        options = HubOptions(
            host_json=app / "host.json",
            logs=logs,
            keys=config["keys"],
            port=int(config.get("port", 0)),
            durable=config.get("durable", {}),
            program=program,
            storage=config.get("storage", ""),
            body_limit=int(settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", BODY_LIMIT)),
        )
        self.hub: Hub
        if program:
            self.hub = ExtensionHub(self.pool, executions, options, self._kill_worker)
        else:
            self.hub = MemoryHub(self.pool, executions, options)
        self.url = self.hub.url

    def start(self) -> None:
        self.hub.start()

    def instances(self) -> list[str]:
        """Returns the ids of all orchestrations in the hub."""
        with TaskHubGrpcClient(host_address=self.hub.address) as client:
            return [state.instance_id for state in client.get_all_orchestration_states()]

    def end(self) -> None:
        self.hub.end()
        self.pool.end()
        activities = sum(self.executions.values())
        log.info("%d turns and %d activities were run", self._executions.turns, activities)

    def _kill_worker(self) -> None:
        self.pool.process.kill()


def _program(config: dict[str, Any]) -> Path | None:
    engine = config.get("engine", ENGINES[0])
    if engine not in ENGINES:
        raise ValueError(f"engine '{engine}' is none of {', '.join(ENGINES)}")
    return None if engine == "memory" else ensure_program(Path(config["cache"]), log.info)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("durabletask").setLevel(logging.WARNING)
    host = FunctionsHost(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    host.start()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    sys.stdout.write(host.url + "\n")
    sys.stdout.flush()
    ended.wait()
    host.end()


if __name__ == "__main__":
    main()
