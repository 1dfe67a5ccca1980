"""Blobs against Azurite: conditions, positions, and answers that get lost."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from clients.azure import blobs as module
from clients.azure.blob_listing import list_blobs
from clients.azure.blobs import Blobs, Conflict
from clients.errors import Refused, Transient
from clients.record_store import UnreadableRecord
from clients.record_summary import RecordSummary
from clients.settings import Settings
from clients.store import Store
from cluster.record import ClusterRecord
from tests.clients.conftest import SUBSCRIPTION, VAULT


@dataclass
class Lossy:
    """A port in front of storage. `lose` answers are swallowed after storage has given them."""

    upstream: tuple[str, int]
    lose: int = 0
    requests: list[bytes] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,)).start()

    def _pass(self, client: socket.socket) -> None:
        """One request a connection; its answer ends when storage closes."""
        with client, socket.create_connection(self.upstream) as upstream:
            head, _, body = _until_blank_line(client)
            length = _length(head)
            while len(body) < length and (part := client.recv(65536)):
                body += part
            self.requests.append(head.split(b"\r\n")[0])
            upstream.sendall(head.replace(b"keep-alive", b"close") + b"\r\n\r\n" + body)
            answer = b""
            while part := upstream.recv(65536):
                answer += part
            if self.lose and self.requests[-1].startswith(b"PUT"):
                self.lose -= 1
                return
            client.sendall(answer)


def _until_blank_line(client: socket.socket) -> tuple[bytes, bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data and (part := client.recv(65536)):
        data += part
    return data.partition(b"\r\n\r\n")


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


@pytest.fixture
def blobs(azurite: str, request: Any) -> Blobs:
    name = "t" + str(abs(hash(request.node.name)))
    return Blobs(Settings(SUBSCRIPTION, VAULT, azurite, container=name))


@pytest.fixture
def lossy(azurite: str, blobs: Blobs) -> Iterator[tuple[Lossy, Blobs]]:
    port = int(azurite.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    proxy = Lossy(("127.0.0.1", port))
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    near = azurite.replace(f":{port}/", f":{proxy.listener.getsockname()[1]}/")
    through = Blobs(Settings(SUBSCRIPTION, VAULT, near, container=blobs._settings.container))
    through.size("warm")  # the container is made before anything is lost
    yield proxy, through
    proxy.listener.shutdown(socket.SHUT_RDWR)
    proxy.listener.close()
    thread.join()


def test_a_blob_is_read_with_the_tag_that_guards_its_next_write(blobs: Blobs) -> None:
    assert blobs.read("record.json") is None
    first = blobs.write("record.json", b"one", if_none_match=True)
    assert blobs.read("record.json") == (b"one", first)
    second = blobs.write("record.json", b"two", if_match=first)
    assert second != first
    with pytest.raises(Conflict):
        blobs.write("record.json", b"late", if_match=first)
    with pytest.raises(Conflict):
        blobs.write("record.json", b"again", if_none_match=True)
    assert blobs.read("record.json") == (b"two", second)


def test_of_many_claims_at_once_one_wins(blobs: Blobs) -> None:
    won: list[str] = []

    def claim() -> None:
        try:
            won.append(blobs.write("claim", b"same bytes", if_none_match=True))
        except Conflict:
            return

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_claim_whose_answer_was_lost_is_still_ours(lossy: tuple[Lossy, Blobs]) -> None:
    proxy, blobs = lossy
    proxy.lose = 1
    tag = blobs.write("claim", b"ours", if_none_match=True)
    assert proxy.lose == 0
    assert blobs.read("claim") == (b"ours", tag)
    with pytest.raises(Conflict):
        blobs.write("claim", b"ours", if_none_match=True)


def test_an_append_whose_answer_was_lost_is_written_once(lossy: tuple[Lossy, Blobs]) -> None:
    proxy, blobs = lossy
    assert blobs.append_at("log", 0, b"one\n") == 4
    proxy.lose = 1
    assert blobs.append_at("log", 4, b"two\n") == 8
    assert proxy.lose == 0
    assert blobs.read_range("log", 0, 100) == b"one\ntwo\n"


def test_storage_that_never_answers_is_a_matter_of_coming_again(
    lossy: tuple[Lossy, Blobs],
) -> None:
    proxy, blobs = lossy
    proxy.lose = 99
    with pytest.raises(Transient):
        blobs.write("claim", b"ours", if_none_match=True)
    assert sum(request.startswith(b"PUT") for request in proxy.requests) >= 3


def test_the_same_batch_twice_is_written_once(blobs: Blobs) -> None:
    assert blobs.append_at("events", 0, b"a\nb\n") == 4
    assert blobs.append_at("events", 0, b"a\nb\n") == 4
    assert blobs.append_at("events", 4, b"c\n") == 6
    assert blobs.append_at("events", 0, b"a\nb\n") == 4
    assert blobs.size("events") == 6
    assert blobs.read_range("events", 2, 2) == b"b\n"


def test_of_a_batch_that_has_grown_the_rest_is_added(blobs: Blobs) -> None:
    blobs.append_at("log", 0, b"ab")
    assert blobs.append_at("log", 0, b"abcd") == 4
    assert blobs.read_range("log", 0, 10) == b"abcd"


def test_other_bytes_and_gaps_are_conflicts(blobs: Blobs) -> None:
    blobs.append_at("log", 0, b"ab")
    with pytest.raises(Conflict):
        blobs.append_at("log", 0, b"xy")
    with pytest.raises(Conflict):
        blobs.append_at("log", 5, b"cd")
    assert blobs.read_range("log", 0, 10) == b"ab"


def test_a_batch_larger_than_a_block_goes_in_parts(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BLOCK", 3)
    blobs.append_at("log", 0, b"abcd")
    assert blobs.append_at("log", 0, b"abcdefgh") == 8
    assert blobs.read_range("log", 0, 20) == b"abcdefgh"


def test_writers_at_the_same_position_leave_one_batch(blobs: Blobs) -> None:
    results: list[object] = []

    def append(data: bytes) -> None:
        try:
            results.append(blobs.append_at("events", 0, data))
        except Conflict:
            results.append("conflict")

    threads = [threading.Thread(target=append, args=(d,)) for d in (b"aa\n", b"bb\n", b"aa\n")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = blobs.read_range("events", 0, 10)
    assert kept in (b"aa\n", b"bb\n")
    assert results.count(3) == (2 if kept == b"aa\n" else 1)


def test_ranges_beyond_the_end_are_empty(blobs: Blobs) -> None:
    assert blobs.read_range("nothing", 0, 5) == b""
    assert blobs.size("nothing") == 0
    blobs.append_at("log", 0, b"ab")
    assert blobs.read_range("log", 2, 5) == b""
    assert blobs.read_range("log", 9, 5) == b""
    assert blobs.read_range("log", 1, 0) == b""


def test_a_prefix_is_listed_and_deleted_and_may_be_gone_already(blobs: Blobs) -> None:
    for name in ("clusters/a/record.json", "clusters/a/runs/1", "clusters/b/record.json"):
        blobs.write(name, b"x")
    assert blobs.list("clusters/a/") == ["clusters/a/record.json", "clusters/a/runs/1"]
    blobs.delete_prefix("clusters/a/")
    blobs.delete_prefix("clusters/a/")
    assert blobs.list("clusters/") == ["clusters/b/record.json"]


def test_another_kind_of_blob_is_refused_and_not_taken_for_a_conflict(blobs: Blobs) -> None:
    blobs.write("document", b"x")
    with pytest.raises(Refused, match="InvalidBlobType"):
        blobs.append_at("document", 1, b"y")


def test_a_wrong_key_is_refused_and_stays_out_of_the_message(azurite: str) -> None:
    wrong = azurite.replace("AccountKey=", "AccountKey=AAAA")
    with pytest.raises(Refused) as refused:
        Blobs(Settings(SUBSCRIPTION, VAULT, wrong)).read("x")
    assert refused.value.code in ("AuthorizationFailure", "AuthenticationFailed")
    assert "AccountKey" not in str(refused.value)


def test_a_listing_has_metadata_digests_and_the_etags_of_reads(blobs: Blobs) -> None:
    blobs.write("clusters/b/record.json", b"two", metadata={"slipwaysummary": "%7B%22a%22%3A1%7D"})
    blobs.write("clusters/a/record.json", b"one")
    blobs.append_at("clusters/a/runs/000001/events.jsonl", 0, b"x")
    blobs.write("clusters/a/runs/000001/plan.json", b"{}")
    blobs.write("clusters/a/public-keys.json", b"{}")
    listed = list(blobs.listed("clusters/", without="/runs/"))
    assert [blob.name for blob in listed] == [
        "clusters/a/public-keys.json",
        "clusters/a/record.json",
        "clusters/b/record.json",
    ]
    assert listed[2].metadata["slipwaysummary"] == "%7B%22a%22%3A1%7D"
    assert listed[2].md5 == hashlib.md5(b"two", usedforsecurity=False).hexdigest()
    for blob in listed:
        found = blobs.read(blob.name)
        assert found is not None
        assert found[1] == blob.etag
        assert abs((datetime.now(UTC) - blob.modified).total_seconds()) < 3600
    whole = [blob.name for blob in blobs.listed("clusters/a/")]
    assert len(whole) == 4
    assert whole == sorted(whole)


def test_a_listing_of_records_is_whole_beyond_one_page(blobs: Blobs) -> None:
    """A page ends in the middle of a cluster's runs, too."""
    names = [f"clusters/c{number}/record.json" for number in range(4)]
    for number, name in enumerate(names):
        blobs.write(name, b"{}")
        for run in range(3):
            blobs.write(f"clusters/c{number}/runs/{run:06d}/plan.json", b"{}")
    for page in (1, 2, 3, 5000):
        found = list_blobs(blobs._container, "clusters/", "/runs/", page)
        assert [blob.name for blob in found] == names
        assert len(list(list_blobs(blobs._container, "clusters/", "", page))) == 16


def test_a_listing_is_that_of_the_sdk(blobs: Blobs) -> None:
    for number in range(3):
        blobs.write(f"a {number}/\u00e4&<%20>", b"x", metadata={"one": "1", "two": "%C3"})
    blobs.append_at("a 4", 0, b"x")
    for own, sdk in zip(
        blobs.listed("a "),
        blobs._container.list_blobs(name_starts_with="a ", include=["metadata"]),
        strict=True,
    ):
        digest = sdk.content_settings.content_md5
        assert (own.name, own.etag) == (sdk.name, f'"{sdk.etag}"')
        assert (own.modified, own.metadata) == (sdk.last_modified, dict(sdk.metadata or {}))
        assert own.md5 == (bytes(digest).hex() if digest else "")


def test_a_listing_that_is_refused_has_its_code(azurite: str) -> None:
    wrong = azurite.replace("AccountKey=", "AccountKey=AAAA")
    blobs = Blobs(Settings(SUBSCRIPTION, VAULT, wrong, container="refused"))
    blobs.__dict__["_container"] = container_of(wrong)
    with pytest.raises(Refused, match="AuthorizationFailure"):
        list(blobs.listed("clusters/"))


def container_of(storage: str) -> Any:
    return BlobServiceClient.from_connection_string(storage).get_container_client("refused")


def test_a_blob_is_deleted_only_if_it_is_the_one_that_was_read(blobs: Blobs) -> None:
    etag = blobs.write("a", b"one")
    blobs.write("a", b"two")
    with pytest.raises(Conflict):
        blobs.delete("a", if_match=etag)
    found = blobs.read("a")
    assert found is not None
    blobs.delete("a", if_match=found[1])
    assert blobs.read("a") is None
    blobs.delete("a")


def test_records_of_the_app_are_listed_by_their_summaries(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(blobs)
    store.create_record(ClusterRecord(name="demo", uid="1", state="deleted", group="Team.ä(1)"))
    blobs.write("clusters/odd/record.json", b"{")
    blobs.write("clusters/old/record.json", b'{"name":"old","uid":"1","state":"ready"}')
    reads: list[str] = []
    read = blobs.read

    def counted(name: str) -> tuple[bytes, str] | None:
        reads.append(name)
        return read(name)

    monkeypatch.setattr(blobs, "read", counted)
    demo, odd, old = store.records()
    assert demo == RecordSummary(name="demo", state="deleted", group="Team.ä(1)")
    assert isinstance(odd, UnreadableRecord)
    assert old == RecordSummary(name="old", state="ready")
    assert sorted(reads) == ["clusters/odd/record.json", "clusters/old/record.json"]
    store.records()
    assert reads.count("clusters/old/record.json") == 1
    assert [store.add_summary(blob) for blob in store.listed_records()] == [False, False, True]
