"""Azurite for the duration of a block."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.control import CACHE
from lab.storage import connection_string, ensure_azurite, free_ports, start_azurite


@contextmanager
def running_azurite(folder: Path, *, durable: bool) -> Iterator[str]:
    """Starts Azurite with a new account and yields the connection string. The folder gets its data
    and its log. Only with `durable`, there are queues and tables."""
    ports, key = free_ports(durable=durable), secrets.token_bytes(32).hex()
    scripts = ensure_azurite(CACHE, lambda _: None)
    process = start_azurite(scripts, folder, ports, key, folder / "log")
    try:
        yield connection_string(ports, key)
    finally:
        process.terminate()
        process.wait()
