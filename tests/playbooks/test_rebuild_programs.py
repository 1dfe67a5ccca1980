"""What adds etcd members and takes lost ones back, and what renews certificates, as programs."""

import base64
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROLES = Path(__file__).parents[2] / "playbooks/roles"


@pytest.fixture(scope="module")
def replace() -> dict[str, Any]:
    return runpy.run_path(str(ROLES / "etcd/files/replace-member.py"))


@pytest.fixture(scope="module")
def promote() -> dict[str, Any]:
    return runpy.run_path(str(ROLES / "etcd/files/promote-learners.py"))


@pytest.fixture(scope="module")
def renew() -> dict[str, Any]:
    return runpy.run_path(str(ROLES / "control_plane/files/renew-certificates.py"))


def peer(index: int) -> str:
    return f"https://10.0.2.{4 + index}:2380"


def member(index: int, *, started: bool = True, learner: bool = False) -> dict[str, Any]:
    clients = {"clientURLs": [f"https://10.0.2.{4 + index}:2379"]} if started else {}
    voice = {"isLearner": True} if learner else {}
    return {"ID": 0xA0 + index, "peerURLs": [peer(index)], **clients, **voice}


def added(index: int) -> list[str]:
    return ["member", "add", f"demo-etcd-{index}", f"--peer-urls={peer(index)}", "--learner"]


def test_a_lost_member_is_removed_and_added(replace: dict[str, Any]) -> None:
    members = [member(0), member(1), member(2)]
    assert replace["steps"](members, "demo-etcd-1", peer(1), [peer(1)]) == [
        ["member", "remove", "a1"],
        added(1),
    ]


def test_a_new_member_is_added_without_a_vote(replace: dict[str, Any]) -> None:
    new = [peer(1), peer(2)]
    assert replace["steps"]([member(0)], "demo-etcd-1", peer(1), new) == [added(1)]


def test_one_that_never_started_makes_room_for_another_one(replace: dict[str, Any]) -> None:
    """Etcd takes one learner at a time, and a new member has to know who is listed."""
    waiting = member(2, started=False, learner=True)
    calls = replace["steps"]([member(0), waiting], "demo-etcd-1", peer(1), [peer(1), peer(2)])
    assert calls == [["member", "remove", "a2"], added(1)]


def test_a_learner_that_has_started_gets_a_vote_from_those_that_have_one(
    promote: dict[str, Any],
) -> None:
    members = [member(0), member(1, learner=True), member(2, started=False, learner=True)]
    assert [one["ID"] for one in promote["learners"](members)] == [0xA1]
    assert promote["voters"](members) == ["https://10.0.2.4:2379"]


def test_of_two_lost_ones_both_are_removed_before_the_first_is_added(
    replace: dict[str, Any],
) -> None:
    members = [member(index) for index in range(5)]
    calls = replace["steps"](members, "demo-etcd-1", peer(1), [peer(1), peer(3)])
    assert [call[1:3] for call in calls] == [
        ["remove", "a1"],
        ["remove", "a3"],
        ["add", "demo-etcd-1"],
    ]


@pytest.mark.parametrize(
    ("members", "calls"),
    [
        ([member(0), member(2)], [added(1)]),
        ([member(0), member(1, started=False), member(2)], []),
        ([member(0), member(1, started=False, learner=True)], []),
    ],
)
def test_what_an_earlier_attempt_did_is_not_done_again(
    replace: dict[str, Any], members: list[dict[str, Any]], calls: list[list[str]]
) -> None:
    assert replace["steps"](members, "demo-etcd-1", peer(1), [peer(1)]) == calls


def certificate(days: int) -> bytes:
    return subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-days", str(days)],
        check=True, capture_output=True,
    ).stdout  # fmt: skip


def test_what_ends_soon_is_found_in_files_and_in_kubeconfigs(
    renew: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "pki").mkdir()
    long, short = certificate(365), certificate(80)
    for name in renew["CERTIFICATES"]:
        (tmp_path / "pki" / f"{name}.crt").write_bytes(long)
    for name in renew["KUBECONFIGS"]:
        data = base64.b64encode(short if name == "scheduler" else long).decode()
        text = f"users:\n- name: x\n  user:\n    client-certificate-data: {data}\n"
        (tmp_path / f"{name}.conf").write_text(text)
    found = renew["certificates"](tmp_path)
    assert renew["due"](found, 90) == ["scheduler.conf"]
    assert renew["due"](found, 79) == []
    assert len(renew["due"](found, 400)) == 6
