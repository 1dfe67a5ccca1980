"""The engine `memory`: durabletask's own, with the lab's dispatcher and front. It ends with its
process, and forgets everything."""

import json
import threading

from durabletask.client import TaskHubGrpcClient
from werkzeug.serving import make_server

from lab.host.dispatch import Dispatcher
from lab.host.engine import Engine
from lab.host.executions import Executions
from lab.host.front import Front
from lab.host.hub import Functions, HubOptions


class MemoryHub:
    def __init__(self, app: Functions, executions: Executions, options: HubOptions) -> None:
        self.engine = Engine()
        self.address = self.engine.start()
        self._client = TaskHubGrpcClient(host_address=self.address)
        self._dispatcher = Dispatcher(self.engine, app, executions)
        front = Front(app, self._client, options.keys, options.route_prefix)
        self._server = make_server("127.0.0.1", options.port, front.wsgi_app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # What a durable client of the app is made from.
        front.binding = json.dumps(
            {
                "taskHubName": options.durable_task().get("hubName", "hub"),
                "rpcBaseUrl": f"http://{self.address}",
                "httpBaseUrl": f"{self.url}/runtime/webhooks/durabletask",
                "requiredQueryStringParameters": f"code={options.keys['durableTask']}",
            }
        )

    def start(self) -> None:
        self._dispatcher.start()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()
        self.engine.stop(0)
