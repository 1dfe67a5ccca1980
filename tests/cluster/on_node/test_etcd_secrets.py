"""The program that finds Secrets in etcd by the key that they are encrypted with.

etcdctl is a script that answers from a list as etcd does, page by page. The real one is in
`tests/kubernetes/test_rotation.py`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program
from cluster.on_node.etcd_secrets import PAGE

ETCDCTL = """#!{python}
import base64, json, pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "away").exists():
    sys.exit("context deadline exceeded")
words = [word for word in sys.argv[1:] if not word.startswith("--")]
(limit,) = (int(w.split("=")[1]) for w in sys.argv if w.startswith("--limit="))
verb, first, end = words
assert verb == "get"
pairs = sorted(json.loads((here / "pairs").read_text()).items())
within = [(key, value) for key, value in pairs if first <= key < end]
coded = lambda text: base64.b64encode(text.encode()).decode()
kvs = [{{"key": coded(key), "value": coded(value)}} for key, value in within[:limit]]
print(json.dumps({{"kvs": kvs, "more": len(within) > limit}} if kvs else {{}}))
"""
OLD, NEW = "k8s:enc:secretbox:v1:slipway:", "k8s:enc:secretbox:v1:slipway-1a:"


class Member:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etcdctl").write_text(ETCDCTL.format(python=sys.executable), "utf-8")
        (folder / "etcdctl").chmod(0o755)

    def has(self, pairs: dict[str, str]) -> None:
        (self.folder / "pairs").write_text(json.dumps(pairs), "utf-8")

    def run(self, most: int = 1000) -> "subprocess.CompletedProcess[str]":
        request = {"action": "look", "key": "slipway-1a", "most": most, "pki": "/etc/etcd/pki"}
        return subprocess.run(
            [sys.executable, "-c", program("etcd_secrets")],
            input=json.dumps(request | {"etcdctl": str(self.folder / "etcdctl")}),
            capture_output=True,
            text=True,
            check=False,
        )

    def finds(self, most: int = 1000) -> dict[str, Any]:
        done = self.run(most)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def member(tmp_path: Path) -> Member:
    return Member(tmp_path)


def test_secrets_with_another_key_and_without_any_are_found(member: Member) -> None:
    member.has(
        {
            "/registry/secrets/shop/new": f"{NEW}\x01\x02",
            "/registry/secrets/shop/old": f"{OLD}\x01\x02",
            "/registry/secrets/shop/plain": "k8s\x00\n\x0c",
            "/registry/secrets/shop/similar": "k8s:enc:secretbox:v1:slipway-1ab:\x01",
            "/registry/configmaps/shop/other": "k8s\x00",
            "/registry/secretsx/shop/other": "k8s\x00",
        }
    )
    assert member.finds() == {
        "total": 4,
        "others": [["shop", "old"], ["shop", "plain"], ["shop", "similar"]],
    }


def test_no_secret_is_left_out_between_two_pages(member: Member) -> None:
    """Names that begin with another's, and those with characters before letters, come in order."""
    listed = [f"a{number:04d}" for number in range(PAGE * 2 + 1)]
    listed += [f"{name}{end}" for name in listed for end in ("-", "-b", ".c", "0")]
    member.has({f"/registry/secrets/default/{name}": OLD for name in listed})
    found = member.finds(most=10_000)
    assert found["total"] == len(listed)
    assert {name for _, name in found["others"]} == set(listed)


def test_a_look_that_has_found_enough_ends(member: Member) -> None:
    member.has({f"/registry/secrets/default/{n:04d}": OLD for n in range(PAGE * 5)})
    found = member.finds(most=10)
    assert (found["total"], len(found["others"])) == (PAGE, 10)


def test_an_etcd_without_secrets_has_none(member: Member) -> None:
    member.has({"/registry/pods/default/a": "x"})
    assert member.finds() == {"total": 0, "others": []}


def test_a_member_that_does_not_answer_is_told(member: Member) -> None:
    (member.folder / "away").touch()
    done = member.run()
    assert (done.returncode, done.stderr) == (1, "etcdctl: context deadline exceeded\n")
