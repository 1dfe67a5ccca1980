"""Azure on one loopback port: each stand-in behind the host name of the service it stands for.

Usage: python -m lab.azure CONFIG_FILE. Config: state, cache, subscription, vault, key,
identityHeader, port, site.
"""

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from lab.arm.errors import ArmError
from lab.arm.platform_kinds import IDENTITY
from lab.arm.service import ArmService
from lab.fabric import Fabric
from lab.graph import Graph
from lab.identity import TENANT, Identity
from lab.issuer import HOST as LOGIN_HOST
from lab.issuer import Holder, Issuer
from lab.slack import SlackSink
from lab.vault.service import VaultService

MANAGEMENT = "https://management.azure.com"
# Microsoft's command line requests tokens for Azure's older name of the same audience.
MANAGEMENT_AUDIENCES = (MANAGEMENT, "https://management.core.windows.net")
MANAGEMENT_HOSTS, GRAPH_HOST = ("management.azure.com",), "graph.microsoft.com"


class AzureFacade:
    """The WSGI application that passes each request to the stand-in for its host name."""

    def __init__(self, config: dict[str, Any], fabric: Fabric) -> None:
        state = Path(config["state"])
        self.identity = Identity(config["key"], config["identityHeader"])
        self.issuer = Issuer()
        self.vault = VaultService(state / "vault.json", self.identity.accepts)
        self.slack = SlackSink(state / "slack.jsonl")
        self.arm = ArmService(state, fabric, config["subscription"], self._authorize)
        self.graph = Graph(self.identity.accepts, lambda: self.arm.state.of_type(IDENTITY))
        self._vault_host = f"{config['vault']}.vault.azure.net"

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        host = request.headers.get("X-Forwarded-Host", "")
        if host in MANAGEMENT_HOSTS:
            return self.arm.wsgi_app(environ, start_response)
        if host == self._vault_host:
            return self.vault.wsgi_app(environ, start_response)
        if host == LOGIN_HOST or (not host and request.path.startswith(f"/{TENANT}/")):
            return self.issuer.wsgi_app(environ, start_response)
        if host == GRAPH_HOST:
            return self.graph.wsgi_app(environ, start_response)
        if host:
            # Clients retry after a 502, and would wait in vain.
            return Response(f"the lab has no stand-in for {host}", 501)(environ, start_response)
        if request.path == "/identity":
            return self.identity.wsgi_app(environ, start_response)
        if request.path.startswith("/services/"):
            return self.slack.wsgi_app(environ, start_response)
        if request.path == "/_lab/tokens" and request.method == "POST":
            return self._token(request)(environ, start_response)
        if request.path == "/_lab/faults" and request.method == "PUT":
            return self._faults(request)(environ, start_response)
        return Response("", 404)(environ, start_response)

    def _authorize(self, authorization: str | None) -> None:
        if not self.identity.accepts(authorization, *MANAGEMENT_AUDIENCES):
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")

    def _token(self, request: Request) -> Response:
        """Returns a token for Slipway's API to whoever may read the lab's state."""
        if not self.identity.admits(request):
            return Response("", 401)
        wanted = request.get_json()
        holder = Holder(
            str(wanted["name"]),
            tuple(wanted.get("roles", ())),
            tuple(wanted.get("groups", ())),
            bool(wanted.get("workload")),
        )
        document = {"access_token": self.issuer.token(holder)}
        return Response(json.dumps(document), mimetype="application/json")

    def _faults(self, request: Request) -> Response:
        """Sets the faults for tests: `{"arm": {...}, "vault": {...}, "slack": {...}}`. A fault that
        is absent is removed."""
        wanted = request.get_json()
        self.arm.faults.change(wanted.get("arm", {}))
        self.vault.change(wanted.get("vault", {}))
        self.slack.change(wanted.get("slack", {}))
        return Response("{}", mimetype="application/json")


def main() -> None:
    # Tests use the facade without.
    from lab.machines.machines import Machines  # noqa: PLC0415
    from lab.machines.site import Site  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    machines = Machines(Path(config["state"]), Path(config["cache"]), Site(config["site"]))
    machines.open()
    facade = AzureFacade(config, machines)
    if facade.arm.state.resources:
        facade.arm.deployer.refresh_network()
    server = make_server("127.0.0.1", int(config["port"]), facade.wsgi_app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    ended.wait()
    server.shutdown()
    machines.close()


if __name__ == "__main__":
    main()
