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


class HubGates:
    """Gates in front of a storage account's queues and tables, where the extension keeps its
    hub."""

    _ENDPOINT = re.compile(r"((?:Queue|Table)Endpoint=http://127\.0\.0\.1:)(\d+)")

    def __init__(self) -> None:
        self._gates: list[Gate] = []

    def before(self, storage: str) -> str:
        """Returns the connection string with the gates as endpoints."""
        return self._ENDPOINT.sub(self._replace, storage)

    def _replace(self, found: re.Match[str]) -> str:
        self._gates.append(Gate(int(found[2])))
        return f"{found[1]}{self._gates[-1].port}"

    def __len__(self) -> int:
        return len(self._gates)

    def open(self) -> None:
        for gate in self._gates:
            gate.open()

    def shut(self) -> None:
        for gate in self._gates:
            gate.shut()


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
