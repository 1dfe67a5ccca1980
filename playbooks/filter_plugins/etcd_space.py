"""Filter that says how large etcd's database may become on the disks of its members."""

from collections.abc import Callable, Iterable
from typing import Any

# etcd warns of larger ones.
LARGEST_BYTES = 8 * 1024**3
MEBIBYTE = 1024**2


def etcd_quota(disks: Iterable[int], databases: Iterable[int]) -> int:
    """Bytes that the database may have on every member.

    Half of the smallest disk at most: a defragmentation writes the database a second time, and the
    log and snapshots need room too. A database that is larger already keeps writing, up to nine
    tenths of the disk; with a quota below its size etcd would refuse every write at once.

    Args:
        disks: bytes of each member's file system.
        databases: bytes of each member's database file; 0 if there is none. The members have the
            same data, and files of different sizes.
    """
    disk, database = min(disks), max(databases)
    half = min(LARGEST_BYTES, disk // 2)
    quota = half if database < half else min(LARGEST_BYTES, disk * 9 // 10)
    return quota // MEBIBYTE * MEBIBYTE


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"slipway_etcd_quota": etcd_quota}
