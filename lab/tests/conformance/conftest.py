"""A suite whose programs are played: scripts that print what the real ones print."""

import json
import stat
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from lab.conformance.suite import Suite, open_suite
from lab.conformance.target import Target

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"

# SPECS is a list of [containers, text, labels, state]; the state may also be "hangs" or "killed".
E2E = """
import json, sys, pathlib
words = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
if "version" in words:
    print("v1.36.2")
elif "list-images" in words:
    print("registry.k8s.io/e2e-test-images/agnhost:2.63.0\\nregistry.k8s.io/pause:3.10.2")
else:
    specs = json.loads(pathlib.Path(HERE, "specs.json").read_text())
    entries = [{"LeafNodeType": "SynchronizedBeforeSuite", "State": "passed"}] + [
        {"ContainerHierarchyTexts": c, "ContainerHierarchyLabels": [l[:1]], "LeafNodeType": "It",
         "LeafNodeLabels": l[1:], "LeafNodeText": t,
         "State": "passed" if "Conformance" in l else "skipped"}
        for c, t, l, s in specs]
    report = [{"SpecReports": entries}]
    pathlib.Path(words["ginkgo.json-report"]).write_text(json.dumps(report))
"""
GINKGO = """
import json, os, pathlib, re, signal, subprocess, sys, time
here = pathlib.Path(HERE)
words = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
calls = here / "calls"
calls.write_text((calls.read_text() if calls.exists() else "") + json.dumps(sys.argv[1:]) + "\\n")
entries, interrupted = [], []
signal.signal(signal.SIGINT, lambda *_: interrupted.append(1))
def say(*lines):
    print(*lines, sep="\\n", flush=True)
procs = int(words["procs"])
namespaces = here / "namespaces"
for containers, text, labels, state in json.loads((here / "specs.json").read_text()):
    name = " ".join([*containers, text])
    if not re.search(words["focus"], "Kubernetes e2e suite " + name):
        entries.append({"ContainerHierarchyTexts": containers, "LeafNodeText": text,
                        "LeafNodeType": "It", "State": "skipped"})
        continue
    shown = {"failed": " [FAILED]", "skipped": "", "hangs": " [INTERRUPTED]"}.get(state, "")
    with namespaces.open("a") as file:
        file.write("namespace/e2e-%d\\n" % len(entries))
    if procs == 1:
        say("-" * 30, name + f" [{', '.join(labels)}]", "test/e2e/x.go:12", "  STEP: x")
    if state in ("hangs", "killed"):
        child = subprocess.Popen(["sleep", "600"])
        (here / "child").write_text(str(child.pid))
        say("running")
        while state == "killed" or not interrupted:
            time.sleep(0.05)
        child.kill()
    placed = " ".join([*containers, "[It] " + text]) if state == "failed" else name
    if procs > 1:
        say("-" * 30)
    if state == "skipped":
        say("S [SKIPPED] [0.010 seconds]", placed, "test/e2e/x.go:12")
    else:
        say(f"\\u2022{shown} [1.250 seconds]")
        if procs > 1 or state == "failed":
            say(placed + f" [{', '.join(labels)}]", "test/e2e/x.go:12", "", "  Timeline >>")
    failure = {"failed": {"Message": "timed out waiting",
                          "Location": {"FileName": "x.go", "LineNumber": 7}},
               "skipped": {"Message": "needs two nodes"}}.get(state, {})
    entries.append({"ContainerHierarchyTexts": containers, "LeafNodeText": text,
                    "LeafNodeType": "It",
                    "State": {"hangs": "interrupted"}.get(state, state), "RunTime": 1250000000,
                    "Failure": failure, "CapturedGinkgoWriterOutput": "first line\\nlast line\\n"})
    if interrupted:
        break
say("-" * 30, "Ran some specs")
path = pathlib.Path(words["output-dir"], words["json-report"])
path.write_text(json.dumps([{"SpecReports": entries}]))
"""
KUBECTL = """
import json, pathlib, sys
here = pathlib.Path(HERE)
namespaces = here / "namespaces"
words = [word for word in sys.argv[1:] if not word.startswith("--kubeconfig")]
held = namespaces.read_text().split() if namespaces.exists() else []
if words[0] == "version":
    print(json.dumps({"serverVersion": {"gitVersion": (here / "server").read_text()}}))
elif words[0] == "get":
    print("\\n".join(held))
elif words[0] == "delete":
    namespaces.write_text("\\n".join(name for name in held if name not in words))
"""

type Specs = list[tuple[list[str], str, list[str], str]]


def save_program(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.executable}\nHERE = {str(path.parent)!r}\n{text}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def save_archive(path: Path, *names: str) -> None:
    path.parent.mkdir(exist_ok=True)
    listed = json.dumps([{"RepoTags": [name]} for name in names]).encode()
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("manifest.json")
        info.size = len(listed)
        archive.addfile(info, BytesIO(listed))


def spec(name: str, state: str = "passed", *, serial: bool = False, sig: str = "apps") -> Any:
    text = f"{name}{' [Serial]' if serial else ''} [Conformance]"
    labels = [f"sig-{sig}", "Conformance", *(["Serial"] if serial else [])]
    return [f"[sig-{sig}] Things"], text, labels, state


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "suite"
    folder.mkdir()
    for name, text in (("e2e.test", E2E), ("ginkgo", GINKGO), ("kubectl", KUBECTL)):
        save_program(folder / name, text)
    save_archive(folder / "images/agnhost.tar", IMAGE)
    (folder / "server").write_text("v1.36.4")
    (folder / "specs.json").write_text(json.dumps([spec("should pass")]))
    return folder


@pytest.fixture
def suite_of(directory: Path) -> Callable[[Specs], Suite]:
    def made(specs: Specs) -> Suite:
        (directory / "specs.json").write_text(json.dumps(specs))
        return open_suite(directory)

    return made


@pytest.fixture
def target(directory: Path) -> Target:
    return Target("demo", directory / "kubeconfig", directory / "kubectl")
