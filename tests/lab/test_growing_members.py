"""Etcd grows from one member to three, with what was written before, on real machines.

Every activity runs twice. The states in which a play may be killed are made by hand: a member that
was added and never started, and one that has the data and no vote yet.
"""

from typing import Any

import pytest

from tests.lab.conftest import Lab, tiny
from tests.lab.test_backups import ETCDCTL

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3600)]
NAME = "grown"
# Seconds.
LONGEST = 1200.0
ADDRESSES = tuple(f"10.81.2.{4 + index}" for index in range(3))
MEMBERS = tuple(f"{NAME}-etcd-{index}" for index in range(3))
HEALTHY = f"{ETCDCTL} endpoint health --cluster"
VOTERS = f'test "$({ETCDCTL} member list | grep -c "started.*false$")" = 3'
KEPT = f"{ETCDCTL} get /test/kept --print-value-only | grep -q 'written before'"
# The process of etcd's main program: it must not restart.
STARTED = "systemctl show --property=ActiveEnterTimestampMonotonic etcd"


def wanted(count: int) -> dict[str, Any]:
    return tiny(NAME, 81, "etcd") | {"etcd": {"count": count, "dataDiskGiB": 4}}


def applied(lab: Lab, count: int, *, full: bool = False) -> list[str]:
    """The texts of the run's events. On a busy machine, a run of three members takes long."""
    answer = lab.apply(wanted(count), LONGEST, full=full)
    assert answer.status_code == 200, answer.text
    return [event["text"] for event in lab.events(NAME)]


def all_vote_and_have_the_key(lab: Lab) -> None:
    for name in MEMBERS:
        assert lab.in_machine(name, f"{HEALTHY} && {VOTERS} && {KEPT}") == 0, name


@pytest.fixture(scope="module")
def grown(lab: Lab) -> Lab:
    """A cluster that was made with one member and then asked for three. One of the new members was
    added already and has not started, as after a play that was killed there."""
    applied(lab, 1)
    assert lab.in_machine(MEMBERS[0], f"{ETCDCTL} put /test/kept 'written before'") == 0
    assert lab.in_machine(MEMBERS[0], f"{STARTED} >/var/tmp/before") == 0
    added = f"member add {MEMBERS[2]} --learner --peer-urls=https://{ADDRESSES[2]}:2380"
    assert lab.in_machine(MEMBERS[0], f"{ETCDCTL} {added}") == 0
    applied(lab, 3)
    return lab


def test_the_new_members_vote_and_have_the_data(grown: Lab) -> None:
    all_vote_and_have_the_key(grown)
    shown = grown.call("GET", f"/api/clusters/{NAME}").json()
    assert shown["state"] == "ready"
    assert {node["name"] for node in shown["nodes"]} >= {*MEMBERS}


def test_the_first_member_was_not_restarted(grown: Lab) -> None:
    assert grown.in_machine(MEMBERS[0], f'test "$({STARTED})" = "$(cat /var/tmp/before)"') == 0


def test_the_same_spec_changes_nothing(grown: Lab) -> None:
    texts = applied(grown, 3)
    assert not any(text.startswith("playbook started") for text in texts)


def test_members_do_not_become_fewer(grown: Lab) -> None:
    answer = grown.call("PUT", f"/api/clusters/{NAME}", wanted(1))
    assert answer.status_code == 400, answer.text
    assert "cannot become fewer" in answer.text


def test_a_member_that_has_the_data_and_no_vote_gets_it(grown: Lab) -> None:
    """As after a play that was killed between the start of the member and its vote."""
    alone = (
        "sed -i 's/^initial-cluster-state: .*/initial-cluster-state: existing/' /etc/etcd/etcd.yml"
    )
    assert grown.in_machine(MEMBERS[2], "systemctl stop etcd") == 0
    number = f"{ETCDCTL} member list | grep {MEMBERS[2]} | cut -d, -f1"
    again = f"member add {MEMBERS[2]} --learner --peer-urls=https://{ADDRESSES[2]}:2380"
    script = f"set -e; {ETCDCTL} member remove $({number}); sleep 6; {ETCDCTL} {again}"
    assert grown.in_machine(MEMBERS[0], script) == 0
    emptied = f"set -e; rm -rf /var/lib/etcd/member-data; {alone}; systemctl start etcd"
    assert grown.in_machine(MEMBERS[2], emptied) == 0
    assert grown.in_machine(MEMBERS[0], f"! {{ {VOTERS}; }}") == 0
    applied(grown, 3, full=True)
    all_vote_and_have_the_key(grown)
