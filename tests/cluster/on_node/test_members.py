"""The program that looks at etcd's members and removes one.

`etcdctl` is a script that lists members from a file and knows which are unhealthy. The real one is
in `tests/lab/test_replaced_nodes.py`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import members

ETCDCTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$*" in
  *"member list"*)
    [ ! -e "$here/silent" ] || { echo "context deadline exceeded" >&2; exit 1; }
    cat "$here/members" ;;
  *"member remove"*) [ ! -e "$here/refuses" ] || { echo "unhealthy cluster" >&2; exit 1; } ;;
  *"endpoint health"*)
    if [ -e "$here/electing" ]; then
      rm "$here/electing"
      echo "https://10.0.2.1:2379 is unhealthy: failed to commit proposal: no leader" >&2
      echo "Error: unhealthy cluster" >&2
      exit 1
    fi
    for bad in $(cat "$here/unhealthy" 2>/dev/null); do
      case "$*" in *"$bad"*) echo "$bad is unhealthy" >&2; exit 1 ;; esac
    done ;;
esac
"""


class Member:
    """A machine with such an etcdctl. `run` executes the program as a control plane does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etcdctl").write_text(ETCDCTL)
        (folder / "etcdctl").chmod(0o755)

    def lists(self, count: int, *, unstarted: int | None = None) -> None:
        found = [
            {
                "ID": 2**63 + n,
                "name": "" if n == unstarted else f"etcd-{n}",
                "peerURLs": [f"https://10.0.2.{n}:2380"],
                "clientURLs": [] if n == unstarted else [f"https://10.0.2.{n}:2379"],
            }
            for n in range(count)
        ]
        (self.folder / "members").write_text(json.dumps({"members": found}))

    def unhealthy(self, *numbers: int) -> None:
        (self.folder / "unhealthy").write_text(" ".join(f"10.0.2.{n}:" for n in numbers))

    def run(self, action: str, number: int = 0, **changes: Any) -> tuple[int, Any, str]:
        request = {
            "action": action,
            "peer": f"https://10.0.2.{number}:2380",
            "etcdctl": str(self.folder / "etcdctl"),
            "pki": "/etc/etcd/pki",
        }
        done = subprocess.run(
            [sys.executable, members.__file__],
            input=json.dumps(request | changes),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    @property
    def removals(self) -> list[str]:
        calls = (self.folder / "calls").read_text().splitlines()
        return [call.rpartition(" ")[2] for call in calls if "member remove" in call]


@pytest.fixture
def member(tmp_path: Path) -> Member:
    return Member(tmp_path)


@pytest.mark.parametrize(
    ("count", "unhealthy", "target", "safe"),
    [
        (3, (), 0, True),
        (3, (0,), 0, True),  # the dead one itself
        (3, (1,), 0, False),  # one of two others: no majority
        (3, (0, 1), 0, False),
        (5, (0, 1), 0, True),  # two dead ones of five, one after the other
        (5, (1,), 0, False),  # a healthy one while another is dead
        (5, (0, 1, 2), 0, False),
        (1, (), 0, False),
    ],
)
def test_a_member_leaves_only_if_the_others_have_a_majority(
    member: Member, count: int, unhealthy: tuple[int, ...], target: int, *, safe: bool
) -> None:
    member.lists(count)
    member.unhealthy(*unhealthy)
    code, found, _ = member.run("look", target)
    assert (code, members.is_safe(found)) == (0, safe)
    assert member.removals == []
    code, found, _ = member.run("remove", target)
    assert (code, found["removed"]) == ((0, True) if safe else (members.UNSAFE, False))
    assert member.removals == ([f"{2**63 + target:x}"] if safe else [])


def test_a_member_that_was_added_and_never_started_has_no_vote(member: Member) -> None:
    member.lists(3, unstarted=2)
    code, found, _ = member.run("remove")
    assert (code, member.removals) == (members.UNSAFE, [])
    assert found["faults"] == ["https://10.0.2.2:2380 was added and has not started"]


def test_a_member_that_is_not_listed_is_not_removed(member: Member) -> None:
    member.lists(2)
    code, found, _ = member.run("remove", 7)
    assert (code, found["listed"], found["removed"], member.removals) == (0, False, False, [])


def test_what_etcd_says_is_told(member: Member) -> None:
    member.lists(3)
    (member.folder / "refuses").touch()
    code, found, text = member.run("remove")
    assert (code, found) == (1, None)
    assert "member remove: unhealthy cluster" in text
    (member.folder / "silent").touch()
    assert "context deadline exceeded" in member.run("look")[2]


def test_a_machine_without_etcd_says_so(member: Member) -> None:
    assert member.run("look", etcdctl="/nowhere/etcdctl")[0] == members.NOT_INSTALLED


@pytest.mark.parametrize("action", ["look", "remove"])
def test_a_leader_that_is_being_elected_is_waited_for(member: Member, action: str) -> None:
    member.lists(3)
    member.unhealthy(0)
    (member.folder / "electing").touch()
    code, found, _ = member.run(action, pauses=[0.01, 0.01])
    assert (code, found["well"], found["faults"]) == (0, 2, [])


def test_the_reason_of_a_fault_is_told_and_not_the_count_of_members() -> None:
    text = "https://10.0.2.1:2379 is unhealthy: failed to commit proposal: no leader\n"
    assert members._why(text + "Error: unhealthy cluster") == "failed to commit proposal: no leader"
    assert members._why("Error: unhealthy cluster") == "Error: unhealthy cluster"


def test_a_member_that_stays_unhealthy_is_told_after_the_last_look(member: Member) -> None:
    member.lists(3)
    member.unhealthy(1)
    code, found, _ = member.run("remove", pauses=[0.01, 0.01])
    assert (code, found["well"], member.removals) == (members.UNSAFE, 1, [])
