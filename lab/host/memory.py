"""The engine `memory`: durabletask's own engine with the lab's dispatcher and HTTP server. It ends
with its process, and its state is lost."""

import json

from durabletask.client import TaskHubGrpcClient

from lab.host.dispatch import Dispatcher
from lab.host.engine import Engine
from lab.host.executions import Executions
from lab.host.front import Front
from lab.host.http_server import HttpServer
from lab.host.hub import Functions, HubOptions
from lab.host.versions import Versions


class MemoryHub:
    def __init__(self, app: Functions, executions: Executions, options: HubOptions) -> None:
        versions = Versions.of(options.durable_task())
        self.engine = Engine(versions.own)
        self.address = self.engine.start()
        self._client = TaskHubGrpcClient(host_address=self.address)
        self._dispatcher = Dispatcher(self.engine, app, executions, versions)
        front = Front(app, self._client, options)
        self._server = HttpServer(options.port, front.answer)
        self.url = f"http://127.0.0.1:{self._server.port}"
        # The value from which the app creates a durable client.
        front.binding = json.dumps(
            {
                "taskHubName": options.durable_task().get("hubName", "hub"),
                "rpcBaseUrl": f"http://{self.address}",
                "httpBaseUrl": f"{self.url}/runtime/webhooks/durabletask",
                "requiredQueryStringParameters": f"code={options.keys['durableTask']}",
            }
        )

        self._dispatcher.binding = front.binding

    def start(self) -> None:
        self._dispatcher.start()
        self._server.start()

    def end(self) -> None:
        self._server.end()
        self._dispatcher.end()
        self._client.close()
        self.engine.stop(0)
