"""Two deliveries of the same event at once write why its tag starts nothing once."""

from types import SimpleNamespace

import pytest

from clients.azure.blobs import Conflict
from clients.errors import Transient
from cluster.events import Event
from runs import refused_tags


class Blobs:
    """The blob of the events, to which another delivery appends while the events are read."""

    def __init__(self) -> None:
        self.data = b""

    def size(self, name: str) -> int:
        del name
        return len(self.data)

    def append_at(self, name: str, position: int, data: bytes) -> int:
        del name
        if position != len(self.data):
            raise Conflict("other bytes are there")
        self.data += data
        return len(self.data)


def test_an_event_that_another_delivery_writes_meanwhile_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blobs = Blobs()

    def events(_: object) -> list[Event]:
        blobs.data += b"the other delivery's line\n"
        return []

    store = SimpleNamespace(blobs=blobs, events=events)
    monkeypatch.setattr(refused_tags, "services", lambda: SimpleNamespace(store=store))
    with pytest.raises(Transient):
        refused_tags._record("demo", "the tag cannot be used")
    assert blobs.data == b"the other delivery's line\n"
