"""Addresses for one upload or download, asked of Azurite and of a scripted Azure."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.storage.blob import BlobServiceClient, UserDelegationKey

from clients.azure.blob_urls import create_only, read_only
from clients.azure.blobs import Blobs, StoredContent
from clients.settings import Settings
from tests.clients.conftest import SUBSCRIPTION, VAULT

NAME, DATA = "backups/demo/0a1b2c3d/000001.db", b"a snapshot"
HEADERS = {"x-ms-blob-type": "BlockBlob"}


@pytest.fixture
def blobs(azurite: str) -> Iterator[Blobs]:
    made = Blobs(Settings(SUBSCRIPTION, VAULT, azurite, container="uploads"))
    yield made
    made.delete_prefix("")


def put(url: str, data: bytes = DATA, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.put(url, data=data, headers=HEADERS | named, timeout=30)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def test_an_address_creates_its_blob_once_and_does_nothing_else(blobs: Blobs) -> None:
    assert blobs.stored_content(NAME) is None
    url = blobs.upload_url(NAME, 60.0)
    sent = base64.b64encode(md5(DATA)).decode()
    assert put(url, Content_MD5=sent).status_code == 201
    assert blobs.stored_content(NAME) == StoredContent(len(DATA), md5(DATA).hex())
    assert put(url, b"other").status_code in (403, 409)
    assert requests.get(url, timeout=30).status_code == 403
    assert requests.delete(url, timeout=30).status_code == 403
    assert put(url.replace("000001.db", "000002.db")).status_code == 403
    assert blobs.read(NAME) == (DATA, blobs.read(NAME)[1])  # type: ignore[index]


def test_an_address_for_a_download_reads_its_blob_and_does_nothing_else(blobs: Blobs) -> None:
    blobs.write(NAME, DATA)
    url = blobs.download_url(NAME, 60.0)
    assert requests.get(url, timeout=30).content == DATA
    part = requests.get(url, headers={"Range": "bytes=2-"}, timeout=30)
    assert (part.status_code, part.content) == (206, DATA[2:])
    assert put(url, b"other").status_code == 403
    assert requests.delete(url, timeout=30).status_code == 403
    other = requests.get(url.replace("000001.db", "000002.db"), timeout=30)
    assert other.status_code == 403
    assert requests.get(blobs.download_url(NAME, -1.0), timeout=30).status_code == 403


def test_other_bytes_than_the_digest_says_are_refused(blobs: Blobs) -> None:
    sent = base64.b64encode(md5(b"something else")).decode()
    assert put(blobs.upload_url(NAME, 60.0), Content_MD5=sent).status_code == 400
    assert blobs.stored_content(NAME) is None


def test_an_address_is_refused_when_its_time_is_over(blobs: Blobs) -> None:
    assert put(blobs.upload_url(NAME, -1.0)).status_code == 403


def test_machines_may_reach_storage_under_another_name(azurite: str) -> None:
    settings = Settings(SUBSCRIPTION, VAULT, azurite, storage_from_machines="198.51.100.7:10000")
    url = urlsplit(Blobs(settings).upload_url(NAME, 60.0))
    assert (url.scheme, url.netloc) == ("http", "198.51.100.7:10000")
    assert url.path.endswith(f"/slipway/{NAME}")


@pytest.mark.parametrize(("made", "allowed"), [(create_only, "c"), (read_only, "r")])
def test_in_azure_the_apps_identity_signs_and_only_tls_is_allowed(made: Any, allowed: str) -> None:
    key: Any = UserDelegationKey()
    key.signed_oid = key.signed_tid = "00000000-0000-0000-0000-000000000000"
    key.signed_start, key.signed_expiry = "2026-11-30T12:00:00Z", "2026-11-30T13:00:00Z"
    key.signed_service, key.signed_version = "b", "2024-11-04"
    key.value = base64.b64encode(b"0" * 32).decode()
    service = BlobServiceClient(
        "https://example.blob.core.windows.net", credential=Mock(spec=["get_token"])
    )
    service.get_user_delegation_key = Mock(return_value=key)  # type: ignore[method-assign]
    url = made(service, service.get_blob_client("slipway", NAME), 900.0)
    asked = parse_qs(urlsplit(url).query)
    assert (asked["sp"], asked["sr"], asked["spr"]) == ([allowed], ["b"], ["https"])
    assert asked["skoid"] == [key.signed_oid]
    start, expiry = service.get_user_delegation_key.call_args.args
    assert (expiry - start).total_seconds() == 900.0 + 300.0
