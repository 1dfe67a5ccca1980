"""etcd's quota follows its disk, and its alarm for space is ended only where there is room."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from playbooks.filter_plugins.etcd_space import etcd_quota

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/etcd/files/end-space-alarm.py"
GIB, QUOTA = 1024**3, 1000


@pytest.mark.parametrize("disk", [4_143_677_440, 8 * GIB, 15 * GIB, 31 * GIB, 1023 * GIB])
@pytest.mark.parametrize("database", [0, 100 * 1024**2])
def test_a_database_may_take_half_of_its_disk_and_never_more_than_etcd_advises(
    disk: int, database: int
) -> None:
    quota = etcd_quota(disk, database)
    assert quota <= disk // 2
    assert quota <= 8 * GIB
    assert quota > min(disk // 2, 8 * GIB) - 1024**2


def test_a_database_that_is_larger_keeps_writing_and_its_quota_stays_the_same() -> None:
    disk = 4_143_677_440
    first = etcd_quota(disk, 2_500_000_000)
    assert 2_500_000_000 < first < disk
    assert etcd_quota(disk, first - 1) == first


class Etcd:
    """What etcdctl answers, and the calls that change something."""

    def __init__(self, alarms: str, **sizes: tuple[int, int]) -> None:
        self.alarms, self.sizes = alarms, sizes
        self.changes: list[tuple[str, ...]] = []

    def __call__(self, pki: str, endpoints: str, *arguments: str) -> str:
        assert pki == "/pki"
        if arguments == ("alarm", "list"):
            return self.alarms
        if arguments[:2] == ("endpoint", "status"):
            return json.dumps(
                [
                    {"Endpoint": name, "Status": {"dbSize": size, "dbSizeInUse": used}}
                    for name, (size, used) in self.sizes.items()
                ]
            )
        self.changes.append((endpoints, *arguments))
        return ""


def run(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    main = runpy.run_path(str(PROGRAM))["main"]
    monkeypatch.setitem(main.__globals__, "etcdctl", etcd)
    monkeypatch.setattr(sys, "argv", ["program", "/pki", str(QUOTA), *etcd.sizes])
    main()
    return etcd.changes


# With the blank that etcdctl prints.
RAISED = "memberID:1 alarm:NOSPACE \n"


def test_without_the_alarm_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for alarms in ("", "memberID:1 alarm:CORRUPT\n"):
        assert run(Etcd(alarms, a=(999, 1)), monkeypatch) == []


def test_where_the_quota_has_grown_the_alarm_is_disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(RAISED, a=(500, 490), b=(510, 490))
    assert run(etcd, monkeypatch) == [("a,b", "alarm", "disarm")]


def test_free_pages_are_given_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(RAISED, a=(990, 100), b=(500, 100))
    assert run(etcd, monkeypatch) == [("a", "defrag"), ("a,b", "alarm", "disarm")]


def test_a_database_that_is_full_of_data_keeps_its_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd: Any = Etcd(RAISED, a=(500, 100), b=(1000, 990))
    with pytest.raises(SystemExit, match="990 of 1000 bytes are in use on b; delete objects"):
        run(etcd, monkeypatch)
    assert etcd.changes == []
