"""Blobs: small documents with ETags, and append blobs written at an expected position.

Limits: 50,000 blocks an append blob, 4 MiB a block (Azure Storage: scalability targets of blobs).
Codes: Azure Storage, "Blob Service error codes".
"""

import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from clients.azure.blob_listing import ListedBlob, list_blobs
from clients.azure.blob_urls import create_only, read_only
from clients.azure.credentials import credential_of
from clients.azure.errors import azure_errors
from clients.errors import Refused
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings

__all__ = ["Blobs", "Conflict", "ListedBlob"]

MAX_BLOCK = 4 * 1024 * 1024
RANGE_NOT_SATISFIABLE = 416
# Codes of a condition that does not hold.
CONFLICTS = frozenset(
    {
        "AppendPositionConditionNotMet",
        "BlobAlreadyExists",
        "ConditionNotMet",
        "TargetConditionNotMet",
    }
)
WRITER = "slipwaywriter"  # metadata names are C# identifiers


class Conflict(Exception):  # noqa: N818 -- what the caller handles
    """Another writer changed the blob in the meantime."""


@dataclass(frozen=True)
class StoredContent:
    """The size of a blob, and the MD5 of what was uploaded in hexadecimal, or ""."""

    bytes: int
    md5: str


class Blobs:
    """One container. `storage` is an account's URL, or a connection string in the lab.

    Every method may raise Transient or Refused.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @locked_cached_property
    def _service(self) -> Any:
        from azure.storage.blob import BlobServiceClient

        from clients.azure.limited_transport import LimitedTransport
        from clients.azure.retries import no_sleep_storage_policy

        options: dict[str, Any] = {
            "retry_policy": no_sleep_storage_policy(),
            # The lab is reached without the proxy of the environment.
            "transport": LimitedTransport(use_env_settings=not self._settings.loopback),
        }
        storage = self._settings.storage
        if storage.startswith("https://"):
            return BlobServiceClient(storage, credential_of(self._settings), **options)
        return BlobServiceClient.from_connection_string(storage, **options)

    @locked_cached_property
    def _container(self) -> Any:
        from azure.core.exceptions import ResourceExistsError

        container = self._service.get_container_client(self._settings.container)
        with _storage_errors("the container"), suppress(ResourceExistsError):
            container.create_container()
        return container

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and ETag; None if the blob does not exist."""
        from azure.core.exceptions import ResourceNotFoundError

        with _storage_errors(name):
            try:
                found = self._container.download_blob(name)
                return found.readall(), found.properties.etag
            except ResourceNotFoundError:
                return None

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Replaces the blob and its metadata; returns its new ETag.

        The SDK repeats a write whose answer was lost, and then the condition does not hold. So each
        call writes a mark of its own, and a blob with that mark was written by this call.

        Raises:
            Conflict: the condition does not hold.
        """
        from azure.core import MatchConditions

        conditions: dict[str, Any] = {}
        if if_match:
            conditions = {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        elif if_none_match:
            conditions = {"match_condition": MatchConditions.IfMissing}
        mark = uuid.uuid4().hex
        blob = self._container.get_blob_client(name)
        try:
            with _storage_errors(name):
                return blob.upload_blob(
                    data,
                    overwrite=not if_none_match,
                    metadata={**(metadata or {}), WRITER: mark},
                    **conditions,
                )["etag"]
        except Conflict:
            with _storage_errors(name):
                found = blob.get_blob_properties()
            if found.metadata.get(WRITER) != mark:
                raise
            return found.etag

    def append_at(self, name: str, position: int, data: bytes) -> int:
        """Appends exactly at `position` and returns the position after `data`.

        If an earlier execution wrote the same bytes there, this is a success; if it wrote a part of
        them, the rest is appended. Further bytes after them belong to a later execution.

        Raises:
            Conflict: other bytes are there, or the blob ends before the position.
        """
        if position == 0:
            self._ensure_append(name)
        end = position + len(data)
        while position < end:
            block = data[position - end :][:MAX_BLOCK]
            position += self._append_block(name, position, block)
        return end

    def _append_block(self, name: str, position: int, block: bytes) -> int:
        """The number of bytes of the block that are now in the blob, at least one."""
        try:
            with _storage_errors(name):
                client = self._container.get_blob_client(name)
                client.append_block(block, appendpos_condition=position)
        except Conflict:
            there = self.read_range(name, position, len(block))
            if not there or not block.startswith(there):
                raise
            return len(there)
        return len(block)

    def _ensure_append(self, name: str) -> None:
        from azure.core import MatchConditions

        with suppress(Conflict), _storage_errors(name):
            self._container.get_blob_client(name).create_append_blob(
                match_condition=MatchConditions.IfMissing
            )

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """The bytes of that range that exist; empty if the blob does not exist."""
        if length <= 0:
            return b""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        with _storage_errors(name):
            try:
                return self._container.download_blob(name, offset=offset, length=length).readall()
            except ResourceNotFoundError:
                return b""
            except HttpResponseError as error:
                if error.status_code == RANGE_NOT_SATISFIABLE:
                    return b""
                raise

    def size(self, name: str) -> int:
        """The size in bytes; 0 if the blob does not exist, since an append would start there."""
        from azure.core.exceptions import ResourceNotFoundError

        with _storage_errors(name):
            try:
                return int(self._container.get_blob_client(name).get_blob_properties().size)
            except ResourceNotFoundError:
                return 0

    def stored_content(self, name: str) -> StoredContent | None:
        """What the service knows of the blob's content; None if the blob does not exist."""
        from azure.core.exceptions import ResourceNotFoundError

        with _storage_errors(name):
            try:
                found = self._container.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError:
                return None
        md5 = found.content_settings.content_md5
        return StoredContent(int(found.size), bytes(md5).hex() if md5 else "")

    def upload_url(self, name: str, seconds: float) -> str:
        """An address with which a machine may create this blob, for so many seconds. It is secret:
        it goes to the machine on standard input, and nowhere else."""
        return self._address(create_only, name, seconds)

    def download_url(self, name: str, seconds: float) -> str:
        """An address with which a machine may read this blob, for so many seconds. It is as secret
        as that for an upload."""
        return self._address(read_only, name, seconds)

    def _address(self, signed: Callable[[Any, Any, float], str], name: str, seconds: float) -> str:
        with _storage_errors(name):
            url = signed(self._service, self._container.get_blob_client(name), seconds)
        endpoint = self._settings.storage_from_machines
        return urlsplit(url)._replace(netloc=endpoint).geturl() if endpoint else url

    def list(self, prefix: str) -> list[str]:
        with _storage_errors(prefix):
            return list(self._container.list_blob_names(name_starts_with=prefix))

    def listed(self, prefix: str, *, without: str = "") -> Iterator[ListedBlob]:
        """Lists the blobs with that prefix and their metadata, in the order of their names.

        Args:
            without: blobs with this text in their name after the prefix are left out. The service
                lists them as one prefix (a delimiter may be a text), so they cost little.
        """
        with _storage_errors(prefix):
            yield from list_blobs(self._container, prefix, without)

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Deletes the blob; a blob that does not exist is a success.

        Raises:
            Conflict: the blob was changed since it had the ETag `if_match`.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceNotFoundError

        conditions: dict[str, Any] = {}
        if if_match:
            conditions = {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        with _storage_errors(name), suppress(ResourceNotFoundError):
            self._container.delete_blob(name, **conditions)

    def delete_prefix(self, prefix: str) -> None:
        """Deletes the blobs with that prefix."""
        for name in self.list(prefix):
            self.delete(name)


@contextmanager
def _storage_errors(what: str) -> Generator[None]:
    """Turns exceptions of the SDK into Conflict, Transient or Refused."""
    try:
        with azure_errors(f"storage: {what}"):
            yield
    except Refused as error:
        if error.code in CONFLICTS:
            raise Conflict(f"{what} was changed by another writer") from None
        raise
