"""Blobs: small documents with ETags, and append blobs written at an expected position.

Limits: 50,000 blocks an append blob, 4 MiB a block. Source: Blob service limits.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from clients.answers import AGAIN, retry_after
from clients.credentials import credential_of
from clients.errors import Refused, Transient
from clients.settings import Settings

MAX_BLOCK = 4 * 1024 * 1024
RANGE_NOT_SATISFIABLE = 416


class Conflict(Exception):  # noqa: N818 -- what the caller handles
    """Somebody else wrote meanwhile."""


class Blobs:
    """One container. `storage` is an account's URL, or a connection string in the lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _container(self) -> Any:
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import BlobServiceClient

        options: dict[str, Any] = {"retry_total": 2, "connection_timeout": 5, "read_timeout": 30}
        storage = self._settings.storage
        if storage.startswith("https://"):
            service = BlobServiceClient(storage, credential_of(self._settings), **options)
        else:
            service = BlobServiceClient.from_connection_string(storage, **options)
        container = service.get_container_client(self._settings.container)
        with _storage_errors("container"), suppress(ResourceExistsError):
            container.create_container()
        return container

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and ETag; None where there is no such blob."""
        from azure.core.exceptions import ResourceNotFoundError

        with _storage_errors(name):
            try:
                found = self._container.download_blob(name)
                return found.readall(), found.properties.etag
            except ResourceNotFoundError:
                return None

    def write(
        self, name: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Replaces the blob; returns its new ETag.

        Raises:
            Conflict: the condition does not hold.
        """
        from azure.core import MatchConditions

        conditions: dict[str, Any] = {}
        if if_match:
            conditions = {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        elif if_none_match:
            conditions = {"match_condition": MatchConditions.IfMissing}
        with _storage_errors(name):
            blob = self._container.get_blob_client(name)
            return blob.upload_blob(data, overwrite=not if_none_match, **conditions)["etag"]

    def append_at(self, name: str, position: int, data: bytes) -> int:
        """Appends exactly at `position` and returns the new length.

        The same bytes there already are a success, and of a part of them the rest is added: an
        earlier execution wrote them.

        Raises:
            Conflict: other bytes are there, or the blob ends before the position.
        """
        for start in range(0, len(data), MAX_BLOCK):
            self._append_block(name, position + start, data[start : start + MAX_BLOCK])
        return position + len(data)

    def _append_block(self, name: str, position: int, data: bytes) -> None:
        blob = self._container.get_blob_client(name)
        if position == 0:
            self._create_append(blob, name)
        try:
            with _storage_errors(name):
                blob.append_block(data, appendpos_condition=position)
        except Conflict:
            there = self.read_range(name, position, len(data))
            if there == data:
                return
            if not there or not data.startswith(there):
                raise
            # An earlier execution saw a stream that was shorter then: the rest is missing.
            self._append_block(name, position + len(there), data[len(there) :])

    def _create_append(self, blob: Any, name: str) -> None:
        from azure.core import MatchConditions

        try:
            with _storage_errors(name):
                blob.create_append_blob(match_condition=MatchConditions.IfMissing)
        except Conflict:
            return

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """As many of those bytes as there are."""
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

    def list(self, prefix: str) -> list[str]:
        with _storage_errors(prefix):
            return list(self._container.list_blob_names(name_starts_with=prefix))

    def delete_prefix(self, prefix: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        for name in self.list(prefix):
            with _storage_errors(name):
                try:
                    self._container.delete_blob(name)
                except ResourceNotFoundError:
                    continue


@contextmanager
def _storage_errors(what: str) -> Generator[None]:
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        if error.status_code in (409, 412):
            raise Conflict(f"{what} was changed meanwhile") from None
        if error.status_code in AGAIN:
            message = f"storage: status {error.status_code}"
            raise Transient(message, retry_after(error)) from None
        if error.status_code == 404:
            raise
        raise Refused(
            str(getattr(error, "error_code", None) or f"Http{error.status_code}"),
            f"storage: {what}",
        ) from None
    except AzureError as error:
        raise Transient(f"storage: {type(error).__name__}") from None
