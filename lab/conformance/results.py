"""The results of specs: from ginkgo's report, kept over several runs, and as JUnit's XML."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cluster.presentable import visible
from lab.conformance.suite import Spec, name_of

SUMMARY, JUNIT = "summary.json", "junit.xml"
TAIL_LINES = 25
NANOSECONDS = 1e9


class State(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    # The spec itself found that it cannot run on this cluster.
    SKIPPED = "skipped"
    # It was not started, or was interrupted.
    NOT_RUN = "not run"


# Ginkgo's states; every other one is a failure.
STATES = {
    "passed": State.PASSED,
    "skipped": State.SKIPPED,
    "pending": State.SKIPPED,
    "interrupted": State.NOT_RUN,
}


class ResultsError(Exception):
    """The results of an earlier run cannot be read."""


@dataclass(frozen=True)
class Result:
    """`tail`: the failure and the last lines of the output. `earlier`: of an earlier run."""

    name: str
    serial: bool
    state: State = State.NOT_RUN
    seconds: float = 0.0
    tail: str = ""
    earlier: bool = False


@dataclass
class Summary:
    """The result of each spec that was asked for."""

    suite: str
    cluster: str
    results: dict[str, Result]

    def put(self, result: Result) -> None:
        self.results[result.name] = result

    def of(self, state: State) -> list[Result]:
        return [result for result in self.results.values() if result.state == state]

    def counts(self) -> dict[str, int]:
        found = Counter(result.state for result in self.results.values())
        return {str(state): found[state] for state in State}

    def save(self, folder: Path) -> None:
        """Writes the summary as JSON and as JUnit's XML; neither is ever incomplete."""
        document = {
            "suite": self.suite,
            "cluster": self.cluster,
            "counts": self.counts(),
            "specs": [asdict(result) for result in self.results.values()],
        }
        _replace(folder / SUMMARY, json.dumps(document, indent=1).encode())
        _replace(folder / JUNIT, self._junit())

    def _junit(self) -> bytes:
        counts = self.counts()
        ran = [result for result in self.results.values() if not result.earlier]
        head = {
            "name": f"Kubernetes conformance {self.suite}",
            "tests": str(len(self.results)),
            "failures": str(counts[State.FAILED]),
            "skipped": str(counts[State.SKIPPED] + counts[State.NOT_RUN]),
            "time": f"{sum(result.seconds for result in ran):.1f}",
        }
        top = ElementTree.Element("testsuite", head)
        for result in self.results.values():
            case = {"name": result.name, "time": f"{result.seconds:.1f}"}
            element = ElementTree.SubElement(top, "testcase", case)
            if result.state == State.FAILED:
                ElementTree.SubElement(element, "failure").text = result.tail
            elif result.state != State.PASSED:
                ElementTree.SubElement(element, "skipped", {"message": str(result.state)})
        return ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)


def begin(suite: str, cluster: str, specs: Iterable[Spec], earlier: Iterable[Result]) -> Summary:
    """Returns a summary in which no spec has run, but for results of an earlier run: those that
    passed, and those that are not asked for now."""
    known = {one.name: replace(one, earlier=True) for one in earlier}
    wanted = {
        spec.name: Result(spec.name, spec.serial)
        for spec in specs
        if spec.name not in known or known[spec.name].state != State.PASSED
    }
    return Summary(suite, cluster, known | wanted)


def read_results(path: Path) -> tuple[str, list[Result]]:
    """Returns the suite's version and the results in a summary, or in a folder that has one.

    Raises:
        ResultsError: there is none, or it is not such a file.
    """
    file = path / SUMMARY if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        known = [
            Result(**(entry | {"state": State(entry["state"])})) for entry in document["specs"]
        ]
        return str(document["suite"]), known
    except OSError as error:
        raise ResultsError(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{file} is not the summary of a run: {error}") from None


def read_ginkgo(path: Path) -> list[Result]:
    """Returns the results in ginkgo's report; none if it wrote none. Specs that the focus left out
    are not among them."""
    try:
        reports = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        Result(
            name_of(entry),
            serial=False,
            state=STATES.get(entry["State"], State.FAILED),
            seconds=round(entry.get("RunTime", 0) / NANOSECONDS, 1),
            tail="" if entry["State"] == "passed" else _tail(entry),
        )
        for report in reports
        for entry in report["SpecReports"] or []
        if entry["LeafNodeType"] == "It" and not _left_out(entry)
    ]


def _left_out(entry: dict[str, Any]) -> bool:
    failure = entry.get("Failure") or {}
    return entry["State"] == "skipped" and not failure.get("Message")


def _tail(entry: dict[str, Any]) -> str:
    failure = entry.get("Failure") or {}
    place = failure.get("Location") or {}
    lines = str(entry.get("CapturedGinkgoWriterOutput", "")).rstrip().splitlines()
    where = f"at {place['FileName']}:{place.get('LineNumber', 0)}" if "FileName" in place else ""
    parts = [str(failure.get("Message", "")).strip(), where, *lines[-TAIL_LINES:]]
    return visible("\n".join(part for part in parts if part))


def _replace(path: Path, data: bytes) -> None:
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
