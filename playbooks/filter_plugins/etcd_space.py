"""Filter that says how large etcd's database may become on its disk."""

from collections.abc import Callable
from typing import Any

# etcd warns of larger ones.
LARGEST_BYTES = 8 * 1024**3
MEBIBYTE = 1024**2


def etcd_quota(disk: int, database: int) -> int:
    """Bytes that the database may have.

    Half of the disk at most: a defragmentation writes the database a second time, and the log and
    snapshots need room too. A database that is larger already keeps writing, up to nine tenths of
    the disk; with a quota below its size etcd would refuse every write at once.

    Args:
        disk: bytes of the disk's file system.
        database: bytes of the database's file; 0 if there is none.
    """
    half = min(LARGEST_BYTES, disk // 2)
    quota = half if database < half else min(LARGEST_BYTES, disk * 9 // 10)
    return quota // MEBIBYTE * MEBIBYTE


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"slipway_etcd_quota": etcd_quota}
