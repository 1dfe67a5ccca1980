"""The host process: engine, worker, HTTP. Usage: python -m lab.host.main CONFIG_FILE."""

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from durabletask.client import TaskHubGrpcClient
from werkzeug.serving import make_server

from lab.host import ENGINES
from lab.host.azure_storage import AzureStorageHost
from lab.host.dispatch import Dispatcher
from lab.host.engine import Engine
from lab.host.executions import Executions
from lab.host.front import Front
from lab.host.pool import WorkerPool, worker_environment


class FunctionsHost:
    """Everything of one host, for the lab and for tests.

    Config: app (directory), settings, keys (function, master, durableTask, eventGrid), mode,
    port (0: any that is free), logs.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        app = Path(config["app"])
        logs = Path(config["logs"])
        host = json.loads((app / "host.json").read_text(encoding="utf-8"))
        prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
        self.engine = Engine()
        address = self.engine.start()
        self._client = TaskHubGrpcClient(host_address=address)
        self.pool = WorkerPool(
            app, worker_environment(config.get("settings", {})), logs / "worker.log"
        )
        self.pool.start()
        executions = Executions(config.get("mode", "once"))
        self.executions = executions.counts
        self.dispatcher = Dispatcher(self.engine, self.pool, executions)
        self._front = Front(self.pool, self._client, config["keys"], prefix)
        self._server = make_server(
            "127.0.0.1", int(config.get("port", 0)), self._front.wsgi_app, threaded=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        hub = host.get("extensions", {}).get("durableTask", {}).get("hubName", "hub")
        self._front.binding = json.dumps(
            {
                "taskHubName": hub,
                "rpcBaseUrl": f"http://{address}",
                "httpBaseUrl": f"{self.url}/runtime/webhooks/durabletask",
                "requiredQueryStringParameters": f"code={config['keys']['durableTask']}",
            }
        )

    def start(self) -> None:
        self.dispatcher.start()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def instances(self) -> list[str]:
        """Ids of every orchestration that was ever started."""
        return [state.instance_id for state in self._client.get_all_orchestration_states()]

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.pool.end()
        self._client.close()
        self.engine.stop(0)


def make_host(config: dict[str, Any]) -> FunctionsHost | AzureStorageHost:
    """Config: engine (one of ENGINES), and what its host's own says."""
    engine = config.get("engine", ENGINES[0])
    if engine not in ENGINES:
        raise ValueError(f"engine '{engine}' is none of {', '.join(ENGINES)}")
    return FunctionsHost(config) if engine == "memory" else AzureStorageHost(config)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("durabletask").setLevel(logging.WARNING)
    host = make_host(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
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
