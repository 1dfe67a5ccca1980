"""Which backups are kept."""

import pytest

from cluster.backups import Backup, newest_first, superfluous
from cluster.model import read_stored

BACKUPS = [Backup(id=f"{number:06d}") for number in (3, 1, 12, 2)]


def test_the_newest_is_first_also_from_the_millionth_run_on() -> None:
    found = newest_first([*BACKUPS, Backup(id="1000000")])
    assert [backup.id for backup in found] == ["1000000", "000012", "000003", "000002", "000001"]


@pytest.mark.parametrize(
    ("keep", "gone"), [(1, ["000003", "000002", "000001"]), (3, ["000001"]), (4, []), (99, [])]
)
def test_what_is_beyond_the_newest_goes(keep: int, gone: list[str]) -> None:
    assert [backup.id for backup in superfluous(BACKUPS, keep)] == gone


@pytest.mark.parametrize("keep", [0, -1])
def test_the_newest_never_goes(keep: int) -> None:
    """A stored spec may hold a number that this version does not allow."""
    assert "000012" not in {backup.id for backup in superfluous(BACKUPS, keep)}


def test_a_description_of_another_version_is_read_and_keeps_what_it_says() -> None:
    stored = {"id": "000007", "bytes": 5, "encrypted": True}
    backup = read_stored(Backup, stored)
    assert (backup.id, backup.bytes, backup.etcd) == ("000007", 5, "")
    assert backup.model_dump()["encrypted"] is True
