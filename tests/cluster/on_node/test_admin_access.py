"""The program that decides which administrators an API server admits.

kubectl is a script that keeps objects in files. The real one is in
`tests/kubernetes/test_rotation.py`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program

KUBECTL = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = [word for word in sys.argv[1:] if not word.startswith("--")]
with (here / "calls").open("a") as file:
    file.write(" ".join(words) + "\\n")
if words[:2] == ["auth", "whoami"]:
    print((here / "whoami").read_text())
elif words[:2] == ["get", "clusterrolebinding"]:
    found = here / words[2].replace(":", "_")
    print(found.read_text() if found.exists() else "")
elif words[0] in ("create", "replace"):
    document = json.load(sys.stdin)
    if document["kind"] == "SubjectAccessReview":
        groups = document["spec"]["groups"]
        allowed = (here / "admitted").read_text().split()
        document["status"] = {{"allowed": any(group in allowed for group in groups)}}
        (here / "review").write_text(json.dumps(document))
        print(json.dumps(document))
    else:
        name = document["metadata"]["name"].replace(":", "_")
        if (here / name).exists() is (words[0] == "create"):
            sys.exit("the object exists, or not")
        (here / name).write_text(json.dumps(document))
"""
BINDING, KUBEADM = "slipway:cluster-admins", "kubeadm:cluster-admins"
OLD, NEW = "slipway:cluster-admins:1a", "slipway:cluster-admins:2b"


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("kubectl", KUBECTL.format(python=sys.executable))
        (folder / "kubectl").chmod(0o755)
        self.write("admitted", f"{KUBEADM} {NEW}")
        self.is_user("kubernetes-admin")
        (folder / "etc").mkdir()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def is_user(self, name: str) -> None:
        self.write("whoami", json.dumps({"status": {"userInfo": {"username": name}}}))

    def binding(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / name.replace(":", "_")).read_text("utf-8"))

    def subjects(self, name: str) -> list[tuple[str, str]]:
        return [(one["kind"], one["name"]) for one in self.binding(name)["subjects"]]

    @property
    def writes(self) -> list[str]:
        calls = (self.folder / "calls").read_text("utf-8").splitlines()
        return [call for call in calls if call.split()[0] in ("create", "replace")]

    def run(self, action: str, **request: Any) -> "subprocess.CompletedProcess[str]":
        places = {name: str(self.folder / name) for name in ("etc", "kubectl")}
        return subprocess.run(
            [sys.executable, "-c", program("admin_access")],
            input=json.dumps({"action": action, "binding": BINDING, **places, **request}),
            capture_output=True,
            text=True,
            check=False,
        )

    def does(self, action: str, **request: Any) -> dict[str, Any]:
        done = self.run(action, **request)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_binding_has_the_groups_that_are_wanted_and_no_others(machine: Machine) -> None:
    machine.does("grant", groups=[OLD, NEW])
    made = machine.binding(BINDING)
    assert (made["kind"], made["roleRef"]["name"]) == ("ClusterRoleBinding", "cluster-admin")
    assert machine.subjects(BINDING) == [("Group", OLD), ("Group", NEW)]
    machine.does("grant", groups=[NEW])
    assert machine.subjects(BINDING) == [("Group", NEW)]
    machine.does("grant", groups=[NEW])
    assert machine.writes == ["create", "replace"]


def test_kubeadms_binding_is_left_to_the_user_of_the_control_planes(machine: Machine) -> None:
    before = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": KUBEADM, "resourceVersion": "7"},
        "roleRef": {"name": "cluster-admin"},
        "subjects": [{"kind": "Group", "name": KUBEADM}],
    }
    machine.write(KUBEADM.replace(":", "_"), json.dumps(before))
    machine.does("narrow")
    assert machine.subjects(KUBEADM) == [("User", "kubernetes-admin")]
    # Whoever writes it meanwhile is not overwritten.
    assert machine.binding(KUBEADM)["metadata"]["resourceVersion"] == "7"
    machine.does("narrow")
    assert machine.writes == ["replace"]


def test_kubeadms_binding_is_left_alone_where_it_would_lock_out_the_control_plane(
    machine: Machine,
) -> None:
    machine.is_user("somebody")
    done = machine.run("narrow")
    assert done.returncode == 1
    assert "admin.conf is of 'somebody', not of kubernetes-admin" in done.stderr
    assert not (machine.folder / KUBEADM.replace(":", "_")).exists()


@pytest.mark.parametrize(("group", "admitted"), [(NEW, True), (OLD, False)])
def test_the_api_server_says_whether_a_group_is_admitted(
    machine: Machine, group: str, admitted: bool
) -> None:
    assert machine.does("ask", user="slipway-admin", group=group) == {"admitted": admitted}
    spec = json.loads((machine.folder / "review").read_text("utf-8"))["spec"]
    assert (spec["user"], spec["groups"]) == ("slipway-admin", [group, "system:authenticated"])
    assert spec["resourceAttributes"] == {"verb": "*", "group": "*", "resource": "*"}


def test_an_api_server_that_does_not_answer_is_told(machine: Machine) -> None:
    machine.write("kubectl", "#!/bin/sh\necho 'connection refused' >&2\nexit 1\n")
    done = machine.run("ask", user="slipway-admin", group=NEW)
    assert (done.returncode, done.stderr) == (1, "kubectl: connection refused\n")
