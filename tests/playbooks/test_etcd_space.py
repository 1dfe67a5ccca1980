"""etcd's quota follows its disk, and its alarm for space is ended only where there is room."""

import json
import runpy
import subprocess
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
    quota = etcd_quota([disk], [database])
    assert quota <= disk // 2
    assert quota <= 8 * GIB
    assert quota > min(disk // 2, 8 * GIB) - 1024**2


def test_a_database_that_is_larger_keeps_writing_and_its_quota_stays_the_same() -> None:
    disk = 4_143_677_440
    first = etcd_quota([disk], [2_500_000_000])
    assert 2_500_000_000 < first < disk
    assert etcd_quota([disk], [first - 1]) == first


def test_the_smallest_disk_and_the_largest_database_decide_for_all_members() -> None:
    small, large = 8 * GIB, 12 * GIB
    assert etcd_quota([large, small, large], [0, 0, 0]) == etcd_quota([small], [0])
    grown = 5 * GIB
    assert etcd_quota([large, small, large], [0, 0, grown]) == etcd_quota([small], [grown])


class Etcd:
    """What etcdctl answers, and the calls that change something."""

    def __init__(self, alarms: str, leader: str = "", **sizes: tuple[int, int]) -> None:
        self.alarms, self.leader, self.sizes = alarms, leader, sizes
        self.failing_reads = 0
        self.changes: list[tuple[str, ...]] = []

    def __call__(self, pki: str, endpoints: str, *arguments: str) -> str:
        assert pki == "/pki"
        if arguments == ("alarm", "list"):
            return self.alarms
        if arguments[:2] == ("endpoint", "status"):
            return json.dumps(
                [
                    {
                        "Endpoint": name,
                        "Status": {
                            "header": {"member_id": number},
                            "leader": [*self.sizes].index(self.leader) if self.leader else 99,
                            "dbSize": size,
                            "dbSizeInUse": used,
                        },
                    }
                    for number, (name, (size, used)) in enumerate(self.sizes.items())
                ]
            )
        if arguments[0] == "get" and self.failing_reads:
            self.failing_reads -= 1
            raise SystemExit("no leader")
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
DEFRAGMENTED, READ = ("a", "defrag"), ("a", "get", "health")


def test_without_the_alarm_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Etcd("", a=(999, 1)), monkeypatch) == []


@pytest.mark.parametrize("other", ["CORRUPT", "SOMETHING_NEW"])
@pytest.mark.parametrize("beside", ["", RAISED])
def test_another_alarm_is_told_and_stays(
    monkeypatch: pytest.MonkeyPatch, other: str, beside: str
) -> None:
    etcd = Etcd(f"{beside}memberID:22 alarm:{other} \n", a=(990, 100))
    with pytest.raises(SystemExit, match=f"memberID:22 alarm:{other}; nothing was changed"):
        run(etcd, monkeypatch)
    assert etcd.changes == []


def test_where_the_quota_has_grown_the_alarm_is_disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(RAISED, a=(500, 490), b=(510, 490))
    assert run(etcd, monkeypatch) == [("a,b", "alarm", "disarm")]


def test_free_pages_are_given_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(RAISED, a=(990, 100), b=(500, 100))
    assert run(etcd, monkeypatch) == [DEFRAGMENTED, READ, ("a,b", "alarm", "disarm")]


def test_the_leader_is_defragmented_last_and_each_member_reads_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    etcd = Etcd(RAISED, leader="a", a=(990, 100), b=(991, 100), c=(992, 100))
    etcd.failing_reads = 2
    changes = run(etcd, monkeypatch)
    assert [change[0] for change in changes] == ["b", "b", "c", "c", "a", "a", "a,b,c"]
    assert len(pauses) == 2


def test_after_a_member_that_does_not_read_again_no_other_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    etcd = Etcd(RAISED, a=(990, 100), b=(991, 100))
    etcd.failing_reads = 1000
    with pytest.raises(SystemExit, match="no leader"):
        run(etcd, monkeypatch)
    assert etcd.changes == [DEFRAGMENTED]


def test_only_a_defragmentation_may_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def note(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("subprocess.run", note)
    etcdctl = runpy.run_path(str(PROGRAM))["etcdctl"]
    for arguments in (("defrag",), ("alarm", "list"), ("endpoint", "status")):
        etcdctl("/pki", "a", *arguments)
    limits = [next(a for a in command if "timeout" in a) for command in asked]
    assert limits == ["--command-timeout=900s", *["--command-timeout=60s"] * 2]


def test_a_database_that_is_full_of_data_keeps_its_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd: Any = Etcd(RAISED, a=(990, 100), b=(1000, 990))
    with pytest.raises(SystemExit, match="990 of 1000 bytes are in use on b; delete objects"):
        run(etcd, monkeypatch)
    assert etcd.changes == []
