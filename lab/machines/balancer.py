"""Health probes of load balancers. They are sent from the same source address as Azure's."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable

from lab.fabric import WIRE_SERVER, LoadBalancer
from lab.machines.namespace import call_in

HTTP_OK = 200
SECONDS = 2.0


class Prober(threading.Thread):
    """Probes every backend at its interval, and reports when the set of healthy backends
    changes."""

    def __init__(self, changed: Callable[[dict[str, tuple[str, ...]]], None]) -> None:
        super().__init__(daemon=True, name="prober")
        self._changed = changed
        self._balancers: tuple[tuple[str, LoadBalancer], ...] = ()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self.healthy: dict[str, tuple[str, ...]] = {}

    def watch(self, balancers: tuple[tuple[str, LoadBalancer], ...]) -> None:
        """Probes these from now on. A balancer comes with the namespace that probes it."""
        self._balancers = balancers
        self._wake.set()

    def end(self) -> None:
        self._ended.set()
        self._wake.set()

    def run(self) -> None:
        while not self._ended.is_set():
            found = {
                balancer.id: _healthy(namespace, balancer)
                for namespace, balancer in self._balancers
            }
            if found != self.healthy and not self._ended.is_set():
                self.healthy = found
                self._changed(found)
            pause = min((b.interval_s for _, b in self._balancers), default=3600)
            self._wake.wait(pause)
            self._wake.clear()


def _healthy(namespace: str, balancer: LoadBalancer) -> tuple[str, ...]:
    def probe() -> tuple[str, ...]:
        return tuple(b for b in balancer.backends if _answers(balancer, b))

    try:
        return call_in(namespace, probe)
    except OSError:  # the network was removed at this moment
        return ()


def _answers(balancer: LoadBalancer, backend: str) -> bool:
    try:
        with socket.create_connection(
            (backend, balancer.probe_port), SECONDS, source_address=(WIRE_SERVER, 0)
        ) as connection:
            if balancer.probe_protocol.lower() == "tcp":
                return True
            return _status(balancer, backend, connection) == HTTP_OK
    except (OSError, http.client.HTTPException):
        return False


def _status(balancer: LoadBalancer, backend: str, connection: socket.socket) -> int:
    """Returns the HTTP status of the probe. As in Azure, an HTTPS probe does not verify the
    backend's certificate and sends none."""
    client = http.client.HTTPConnection(backend, balancer.probe_port, timeout=SECONDS)
    if balancer.probe_protocol.lower() == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    client.sock = connection
    client.request("GET", balancer.probe_path or "/")
    return client.getresponse().status
