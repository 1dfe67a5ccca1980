"""The suite in a directory: its programs, the archives of its images, and its specs."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.archives import image_names
from lab.conformance.command import CommandError, answer_of

TEST_ARCHIVE = "kubernetes-test-linux-amd64.tar.gz, in kubernetes/test/bin"
PROGRAMS = {
    "e2e.test": TEST_ARCHIVE,
    "ginkgo": TEST_ARCHIVE,
    "kubectl": "kubernetes-client-linux-amd64.tar.gz, in kubernetes/client/bin",
}
IMAGES = "images"
CONFORMANCE, SERIAL = "Conformance", "Serial"
ASK_SECONDS = 300.0


class SuiteError(Exception):
    """The directory has no usable suite. The message has a line for each fault."""


@dataclass(frozen=True)
class Spec:
    """`serial`: the suite does not run it beside others."""

    name: str
    serial: bool


@dataclass(frozen=True)
class Suite:
    """`archives`: the names of the images in each archive. `version`: as `v1.36.2`."""

    directory: Path
    version: str
    archives: dict[Path, frozenset[str]]

    def program(self, name: str) -> Path:
        return self.directory / name

    def specs(self) -> list[Spec]:
        """Returns the conformance specs by name. No cluster is asked for them."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "specs.json"
            _ask(
                self.program("e2e.test"),
                "--ginkgo.dry-run",
                "--ginkgo.no-color",
                rf"--ginkgo.focus=\[{CONFORMANCE}\]",
                f"--ginkgo.json-report={path}",
                f"--kubeconfig={Path(folder) / 'none'}",
            )
            reports = json.loads(path.read_text(encoding="utf-8"))
        found = [
            Spec(name_of(entry), serial=SERIAL in labels_of(entry))
            for report in reports
            for entry in report["SpecReports"] or []
            if entry["LeafNodeType"] == "It" and entry["State"] != "skipped"
        ]
        if not found:
            raise SuiteError(f"{self.program('e2e.test')} has no conformance specs")
        return sorted(found, key=lambda spec: spec.name)


def name_of(entry: dict[str, Any]) -> str:
    """Returns the full name of a spec in a report of ginkgo."""
    return " ".join([*(entry["ContainerHierarchyTexts"] or []), entry["LeafNodeText"]])


def labels_of(entry: dict[str, Any]) -> set[str]:
    groups = [*(entry["ContainerHierarchyLabels"] or []), entry["LeafNodeLabels"] or []]
    return {label for group in groups for label in group or []}


def open_suite(directory: Path) -> Suite:
    """Returns the suite after looking at all of it.

    Raises:
        SuiteError: programs are missing or do not run, or an archive is not one of its images.
    """
    directory = directory.resolve()
    if not directory.is_dir():
        raise SuiteError(f"{directory} is not a directory")
    faults = [fault for name in PROGRAMS if (fault := _program_fault(directory / name))]
    if faults:
        raise SuiteError("\n".join(faults))
    version = _ask(directory / "e2e.test", "--version").strip()
    used = set(_ask(directory / "e2e.test", "--list-images").split())
    archives = {
        path: frozenset(image_names(path)) for path in sorted((directory / IMAGES).glob("*.tar"))
    }
    faults = [
        fault for path, names in archives.items() if (fault := _archive_fault(path, names, used))
    ]
    if faults:
        raise SuiteError("\n".join(faults))
    return Suite(directory, version, archives)


def _program_fault(path: Path) -> str:
    if not path.is_file():
        return f"{path} is missing: it is in {PROGRAMS[path.name]}, of the cluster's version"
    return "" if os.access(path, os.X_OK) else f"{path} is not executable: chmod +x {path}"


def _archive_fault(path: Path, names: frozenset[str], used: set[str]) -> str:
    if not names:
        return f"{path}: not an archive of images with their names (docker save, skopeo)"
    if names & used:
        return ""
    bases = {name.rpartition(":")[0] for name in names}
    wanted = sorted(name for name in used if name.rpartition(":")[0] in bases)
    instead = f"it uses {', '.join(wanted)}" if wanted else "it uses no such image"
    return f"{path}: holds {', '.join(sorted(names))}, which this e2e.test does not use; {instead}"


def _ask(program: Path, *arguments: str) -> str:
    """Returns what the program prints. Its folder of work is a temporary one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return answer_of([str(program), *arguments], ASK_SECONDS, Path(folder))
        except CommandError as error:
            raise SuiteError(f"{program} {arguments[0]}: {error}") from None
