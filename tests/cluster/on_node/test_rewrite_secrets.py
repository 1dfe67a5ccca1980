"""The program that writes Secrets again as they are. kubectl is a script."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.on_node import program
from cluster.on_node.rewrite_secrets import AT_ONCE

KUBECTL = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
(space,) = (w.split("=")[1] for w in sys.argv if w.startswith("--namespace="))
words = [word for word in sys.argv[1:] if not word.startswith("--")]
if words[0] == "get":
    gone = (here / "gone").read_text().split()
    items = [{{"metadata": {{"name": n, "namespace": space}}}} for n in words[2:] if n not in gone]
    print(json.dumps({{"kind": "List", "items": items}}) if items else "")
else:
    names = [item["metadata"]["name"] for item in json.load(sys.stdin)["items"]]
    with (here / "written").open("a") as file:
        file.writelines(f"{{space}}/{{name}}\\n" for name in names)
    if set(names) & set((here / "conflicts").read_text().split()):
        sys.exit((here / "reason").read_text())
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "kubectl").write_text(KUBECTL.format(python=sys.executable), "utf-8")
        (folder / "kubectl").chmod(0o755)
        for name in ("gone", "conflicts", "written", "reason"):
            (folder / name).write_text("", "utf-8")

    def rewrites(self, *names: tuple[str, str]) -> dict[str, Any]:
        request = {"action": "rewrite", "names": names, "etc": "/etc/kubernetes"}
        done = subprocess.run(
            [sys.executable, "-c", program("rewrite_secrets")],
            input=json.dumps(request | {"kubectl": str(self.folder / "kubectl")}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def written(self) -> list[str]:
        return (self.folder / "written").read_text("utf-8").split()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_secrets_of_several_namespaces_are_each_written_once(machine: Machine) -> None:
    many = [("shop", f"s{number:03d}") for number in range(AT_ONCE * 2 + 1)]
    found = machine.rewrites(("zoo", "a"), *many, ("default", "b"))
    assert found == {"faults": []}
    assert sorted(machine.written) == sorted(
        f"{s}/{n}" for s, n in [*many, ("zoo", "a"), ("default", "b")]
    )


def test_a_secret_that_was_deleted_meanwhile_stops_nothing(machine: Machine) -> None:
    (machine.folder / "gone").write_text("a", "utf-8")
    assert machine.rewrites(("default", "a"), ("shop", "a"), ("shop", "b")) == {"faults": []}
    assert machine.written == ["shop/b"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Error from server (Conflict): error when replacing "STDIN": hunter2', "Conflict"),
        ('admission webhook "x" denied the request: hunter2', "kubectl failed"),
        ("", "kubectl failed"),
    ],
)
def test_a_refusal_is_told_without_its_text_and_the_other_namespaces_are_written(
    machine: Machine, said: str, told: str
) -> None:
    (machine.folder / "conflicts").write_text("a", "utf-8")
    (machine.folder / "reason").write_text(said or "?", "utf-8")
    found = machine.rewrites(("default", "a"), ("shop", "b"))
    assert found == {"faults": [f"default: {told}"]}
    assert machine.written == ["default/a", "shop/b"]
