"""Which etcd members a play treats as lost, and when it stops: the role's own tasks, run here."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
PLAY = [
    {
        "hosts": "etcd",
        "gather_facts": False,
        "any_errors_fatal": True,
        "vars": {"etcd_user": {"uid": os.getuid()}},
        "tasks": [
            {"ansible.builtin.include_vars": {"file": str(PLAYBOOKS / "roles/etcd/vars/main.yml")}},
            *(
                {
                    "ansible.builtin.include_tasks": {
                        "file": str(PLAYBOOKS / f"roles/etcd/tasks/{name}.yml")
                    }
                }
                for name in ("lost", "majority")
            ),
            {
                "ansible.builtin.copy": {
                    "dest": "{{ etcd_data }}.lost",
                    "content": "{{ etcd_lost }}",
                }
            },
        ],
    }
]


@contextmanager
def etcd(voters: list[int], learners: list[int]) -> Iterator[str]:
    """A member of etcd that knows these members. Yields its URL."""

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v3/cluster/member/list"
            length = int(self.headers["Content-Length"])
            assert json.loads(self.rfile.read(length)) == {"linearizable": False}
            members = [{"ID": str(n), "peerURLs": [f"https://10.0.2.{n}:2380"]} for n in voters]
            members += [
                {"ID": str(n), "peerURLs": [f"https://10.0.2.{n}:2380"], "isLearner": True}
                for n in learners
            ]
            content = json.dumps({"members": members}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def play(
    directory: Path,
    data: list[bool],
    formed: list[bool],
    *,
    served: bool = False,
    url: str = "",
    began: Sequence[int] = (0,),
    new: Collection[int] = (),
    marks: Sequence[str] = ("formed",),
) -> Any:
    """Runs the tasks for as many members: who is lost, or what stopped the play.

    Args:
        began: the members that the configuration of a first start names.
        new: members on machines without a configuration.
        marks: the names of the files that the members have that were in a formed cluster.
    """
    if served:
        (directory / "served").write_text("")
    (directory / "files").symlink_to(PLAYBOOKS / "roles/etcd/files")
    hosts: dict[str, Any] = {}
    for index, (has, was) in enumerate(zip(data, formed, strict=True)):
        own = directory / f"e{index}"
        if has:
            (own / "member-data/member/wal").mkdir(parents=True)
        for mark in marks if was else ():
            (directory / f"e{index}.{mark}").write_text("")
        if has and index not in new:
            members = ",".join(f"e{one}=https://10.0.2.{one}:2380" for one in began)
            (directory / f"e{index}.yml").write_text(
                f"name: e{index}\ninitial-cluster: {members}\n"
            )
        hosts[f"e{index}"] = {
            "etcd_data": str(own),
            "etcd_marks": [f"{own}.{mark}" for mark in ("formed", "restored", "earlier")],
            "etcd_configuration": f"{own}.yml",
            "slipway_address": f"10.0.2.{index}",
        }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "etcd_served_mark": str(directory / "served"),
        "etcd_pki": str(directory),
        "slipway_cluster": "demo",
        "etcd_own_url": url,
    }
    inventory = {"etcd": {"hosts": hosts}, "control_plane": {"hosts": {"c0": {}}}}
    (directory / "hosts.json").write_text(
        json.dumps({"all": {"vars": variables, "children": inventory}})
    )
    (directory / "play.json").write_text(json.dumps(PLAY))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.json", "play.json"],
        cwd=directory, check=False, capture_output=True, text=True, timeout=100,
        env=os.environ | {"ANSIBLE_LOCALHOST_WARNING": "false", "HOME": str(directory)},
    )  # fmt: skip
    if done.returncode:
        return done.stdout
    return [(directory / f"e{i}.lost").read_text() == "True" for i in range(len(data))]


ALL, NONE = [True] * 3, [False] * 3


@pytest.mark.parametrize(
    ("data", "formed", "lost"),
    [
        (NONE, NONE, NONE),
        (ALL, ALL, NONE),
        ([True, False, True], [True, False, True], [False, True, False]),
        # A new machine with the disk of the old one.
        (ALL, [True, False, True], NONE),
    ],
)
def test_lost_is_who_has_no_data_while_another_was_in_a_formed_cluster(
    tmp_path: Path, data: list[bool], formed: list[bool], lost: list[bool]
) -> None:
    assert play(tmp_path, data, formed) == lost


@pytest.mark.parametrize("data", [0, 1, 2])
def test_a_first_start_that_never_had_its_majority_goes_on_together(
    tmp_path: Path, data: int
) -> None:
    has = [index < data for index in range(3)]
    told = play(tmp_path, has, NONE, began=range(3))
    assert told == [False] * 3
    assert not list(tmp_path.glob("*.formed"))


def test_members_that_a_first_start_did_not_have_join_it_afterwards(tmp_path: Path) -> None:
    has = [True, False, False, False, False]
    assert play(tmp_path, has, [False] * 5, began=range(3)) == [False, False, False, True, True]


@pytest.mark.parametrize("mark", ["formed", "restored", "earlier"])
def test_each_mark_tells_that_a_cluster_had_formed(tmp_path: Path, mark: str) -> None:
    has = [True, False, False]
    with etcd([0], []) as url:
        assert play(tmp_path, has, has, url=url, marks=[mark]) == [False, True, True]


@pytest.mark.parametrize("after", [3, 5])
def test_members_join_data_without_a_mark_if_a_control_plane_was_served(
    tmp_path: Path, after: int
) -> None:
    has = [index == 0 for index in range(after)]
    with etcd([0], []) as url:
        told = play(tmp_path, has, [False] * after, served=True, url=url, began=range(after))
    assert told == [not one for one in has]


@pytest.mark.parametrize("after", [3, 5])
def test_members_join_the_disk_of_another_machine(tmp_path: Path, after: int) -> None:
    has = [index == 0 for index in range(after)]
    with etcd([0], []) as url:
        told = play(tmp_path, has, [False] * after, url=url, new=[0])
    assert told == [not one for one in has]


@pytest.mark.parametrize("after", [3, 5])
def test_members_join_an_etcd_that_answers_and_is_marked_at_once(
    tmp_path: Path, after: int
) -> None:
    """As after a play that ended between the start of etcd and its mark."""
    has = [index == 0 for index in range(after)]
    with etcd([0], []) as url:
        told = play(tmp_path, has, [False] * after, url=url, began=range(after))
    assert told == [not one for one in has]
    assert [one.name for one in tmp_path.glob("*.formed")] == ["e0.formed"]


def test_a_cluster_of_one_that_does_not_answer_stops_the_play(tmp_path: Path) -> None:
    told = play(tmp_path, [True, False, False], NONE, began=[0])
    assert "e1, e2 of 3 members are without data, and no other one says" in told


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 5), (1, 5)])
def test_members_that_etcd_does_not_know_are_new(tmp_path: Path, before: int, after: int) -> None:
    has = [index < before for index in range(after)]
    with etcd(list(range(before)), []) as url:
        assert play(tmp_path, has, has, url=url) == [not one for one in has]


def test_a_member_that_was_added_and_has_no_data_yet_is_new(tmp_path: Path) -> None:
    has = [True, False, False]
    with etcd([0], [1]) as url:
        assert play(tmp_path, has, has, url=url) == [False, True, True]


def test_new_members_do_not_hide_that_the_others_lost_their_majority(tmp_path: Path) -> None:
    has = [True, False, False, False, False]
    with etcd([0, 1, 2], []) as url:
        told = play(tmp_path, has, has, url=url)
    assert "etcd lost its majority: e1, e2 of 3 members are without data." in told


def test_without_a_majority_the_play_stops(tmp_path: Path) -> None:
    has = [True, False, False]
    with etcd([0, 1, 2], []) as url:
        told = play(tmp_path, has, has, url=url)
    assert "etcd lost its majority: e1, e2 of 3 members are without data." in told
    assert "etcd is installed on all of them: restore one of the cluster's backups" in told


def test_an_empty_etcd_under_a_living_cluster_stops_the_play(tmp_path: Path) -> None:
    assert "but there was a cluster" in play(tmp_path, NONE, NONE, served=True)
