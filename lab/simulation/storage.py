"""Storage and vault as the activities' clients see them: in memory, with simulated durations and
counted calls."""

import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from clients.azure.blobs import Conflict, ListedBlob, StoredContent
from clients.azure.vault import Secret
from lab.simulation.clock import Clock

# Duration of one call in seconds: the lab's, rounded up.
BLOB_SECONDS, VAULT_SECONDS = 0.01, 0.03
# The secret part of the addresses for machines.
SIGNATURE = "simulated-signature"


class Blobs:
    """In place of `clients.azure.blobs.Blobs`, with the same conditional writes."""

    def __init__(self, clock: Clock, calls: Counter[str]) -> None:
        self._clock, self._calls = clock, calls
        self._etags = itertools.count(1)
        self.content: dict[str, tuple[bytes, str]] = {}
        self._metadata: dict[str, dict[str, str]] = {}
        # When each blob was written. A test may change it.
        self.written: dict[str, datetime] = {}
        # Conditions and writes are one step, as at the service.
        self._lock = threading.Lock()

    def read(self, name: str) -> tuple[bytes, str] | None:
        self._count("blob reads")
        return self.content.get(name)

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        self._count("blob writes")
        with self._lock:
            there = self.content.get(name)
            if (if_none_match and there) or (if_match and (not there or there[1] != if_match)):
                raise Conflict(f"{name} was changed meanwhile")
            self._metadata[name] = dict(metadata or {})
            return self._put(name, data)

    def append_at(self, name: str, position: int, data: bytes) -> int:
        self._count("blob writes", 2 if position == 0 else 1)
        with self._lock:
            there = self.content.get(name, (b"", ""))[0]
            written = there[position : position + len(data)]
            if position > len(there) or not data.startswith(written):
                raise Conflict(f"{name}: other bytes at {position}")
            if rest := data[len(written) :]:
                self._put(name, there + rest)
            return position + len(data)

    def _put(self, name: str, data: bytes) -> str:
        etag = f'"{next(self._etags)}"'
        self.content[name], self.written[name] = (data, etag), datetime.now(UTC)
        return etag

    def size(self, name: str) -> int:
        self._count("blob reads")
        return len(self.content.get(name, (b"", ""))[0])

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        self._count("blob reads")
        return self.content.get(name, (b"", ""))[0][offset : offset + length]

    def stored_content(self, name: str) -> StoredContent | None:
        self._count("blob reads")
        found = self.content.get(name)
        if found is None:
            return None
        digest = hashlib.md5(found[0], usedforsecurity=False).hexdigest()
        return StoredContent(len(found[0]), digest)

    def upload_url(self, name: str, seconds: float) -> str:
        return (
            f"https://simulated.blob.core.windows.net/slipway/{name}?se={seconds:g}&sig={SIGNATURE}"
        )

    def download_url(self, name: str, seconds: float) -> str:
        return self.upload_url(name, seconds)

    def list(self, prefix: str) -> list[str]:
        self._count("blob writes")  # a list call costs as much as a write
        return sorted(name for name in self.content if name.startswith(prefix))

    def listed(self, prefix: str, *, without: str = "") -> Iterator[ListedBlob]:
        for name in self.list(prefix):
            if without and without in name[len(prefix) :]:
                continue
            data, etag = self.content[name]
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            metadata = self._metadata.get(name, {})
            yield ListedBlob(name, etag, self.written[name], digest, metadata)

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        self._count("blob writes")
        with self._lock:
            there = self.content.get(name)
            if there and if_match and there[1] != if_match:
                raise Conflict(f"{name} was changed meanwhile")
            self.content.pop(name, None)

    def delete_prefix(self, prefix: str) -> None:
        for name in self.list(prefix):
            self.delete(name)

    def _count(self, what: str, count: int = 1) -> None:
        self._calls[what] += count
        self._clock.spend(BLOB_SECONDS * count)


class Vault:
    def __init__(self, clock: Clock, calls: Counter[str]) -> None:
        self._clock, self._calls = clock, calls
        self.secrets: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.largest = 0

    def get(self, name: str, version: str | None = None) -> Secret | None:
        del version
        self._count()
        value = self.secrets.get(name)
        return Secret(name, "1", value, self.tags.get(name, {})) if value is not None else None

    def set_if_absent(self, name: str, value: str, tags: dict[str, str]) -> Secret:
        self._count(3)
        self.largest = max(self.largest, len(value.encode()))
        if name not in self.secrets:
            self.secrets[name], self.tags[name] = value, tags
        return Secret(name, "1", self.secrets[name], self.tags.get(name, {}))

    def replace(self, name: str, value: str, tags: dict[str, str] | None = None) -> None:
        self._count()
        self.secrets[name], self.tags[name] = value, tags or {}

    def tags_of_versions(self, name: str) -> list[dict[str, str]]:
        self._count()
        return [self.tags.get(name, {})] if name in self.secrets else []

    def delete(self, name: str) -> None:
        self._count()
        self.secrets.pop(name, None)

    def _count(self, count: int = 1) -> None:
        self._calls["vault operations"] += count
        self._clock.spend(VAULT_SECONDS * count)
