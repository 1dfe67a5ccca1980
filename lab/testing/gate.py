"""Gates in front of TCP ports. A closed gate refuses connections and cuts the existing ones."""

import contextlib
import re
import socket
import threading


class Gate:
    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._server: socket.socket | None = None
        self.open()

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def shut(self) -> None:
        if self._server:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None
        pairs, self._pairs = self._pairs, []
        for end in pairs:
            _cut(end)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._pairs += (near, far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


class StorageGates(dict[str, Gate]):
    """Gates in front of services of a storage account, by service: blob, queue, table."""

    def __init__(self, *services: str) -> None:
        super().__init__()
        names = "|".join(service.title() for service in services)
        self._endpoint = re.compile(rf"({names})Endpoint=http://127\.0\.0\.1:(\d+)")

    def before(self, storage: str) -> str:
        """Opens the gates. Returns the connection string with the gates as endpoints."""
        return self._endpoint.sub(self._replace, storage)

    def _replace(self, found: re.Match[str]) -> str:
        gate = self[found[1].lower()] = Gate(int(found[2]))
        return f"{found[1]}Endpoint=http://127.0.0.1:{gate.port}"

    def open(self) -> None:
        for gate in self.values():
            gate.open()

    def shut(self) -> None:
        for gate in self.values():
            gate.shut()


def hub_gates() -> StorageGates:
    """Returns gates for the services in which the Durable extension keeps its hub."""
    return StorageGates("queue", "table")


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _cut(source)
    _cut(sink)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
