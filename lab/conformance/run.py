"""A run of conformance specs: those that may run beside others first, then the serial ones."""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cli.text import clean, duration
from lab.conformance.batch import Batch
from lab.conformance.output import Ended
from lab.conformance.results import Result, State, Summary, begin
from lab.conformance.suite import Spec, Suite
from lab.conformance.target import Target, TargetError

type Report = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """`focus`: which specs, by a part of their names. `earlier`: results of an earlier run; what
    passed there does not run again."""

    focus: re.Pattern[str]
    processes: int
    folder: Path
    earlier: Sequence[Result] = ()


class Run:
    """`summary` is on disk after each spec, so that an interrupted run can be gone on with."""

    def __init__(
        self, suite: Suite, specs: Sequence[Spec], target: Target, request: Request, report: Report
    ) -> None:
        self._suite, self._target, self._request, self._report = suite, target, request, report
        chosen = [spec for spec in specs if request.focus.search(spec.name)]
        self.summary: Summary = begin(suite.version, target.name, chosen, request.earlier)
        self._wanted = [spec for spec in chosen if not self.summary.results[spec.name].earlier]
        self._serial = {spec.name: spec.serial for spec in chosen}
        self._count = 0

    def conduct(self) -> None:
        """Runs the specs. An interrupt is raised again when nothing of the run is left.

        Raises:
            TargetError: the cluster does not answer or does not fit, before anything has run.
        """
        folder = self._request.folder
        self._target.check(self._suite.version)
        before = self._target.namespaces()
        folder.mkdir(parents=True, exist_ok=True)
        self.summary.save(folder)
        try:
            with tempfile.TemporaryDirectory(prefix="slipway-conformance-") as scratch:
                self._run("parallel", self._request.processes, Path(scratch), serial=False)
                self._run("serial", 1, Path(scratch), serial=True)
        finally:
            self._clean(before)
            self.summary.save(folder)

    def _run(self, title: str, processes: int, scratch: Path, *, serial: bool) -> None:
        specs = [spec for spec in self._wanted if spec.serial == serial]
        if not specs:
            return
        batch = Batch(title, specs, processes, self._request.folder, scratch)
        self._report(f"{title}: {len(specs)} specs, {processes} at once; output: {batch.log}")
        since = time.monotonic()
        try:
            batch.run(self._suite, self._target, self._ended, self._report)
        finally:
            # Ginkgo's report has what its output lacks: why a spec failed.
            for result in batch.results():
                if result.name in self._serial:
                    self.summary.put(replace(result, serial=self._serial[result.name]))
        left = sum(self.summary.results[spec.name].state == State.NOT_RUN for spec in specs)
        if left:
            self._report(f"{title}: {left} specs did not run; {batch.log} says why")
        self._report(f"{title}: ended after {duration(time.monotonic() - since)}")

    def _ended(self, spec: Ended) -> None:
        self._count += 1
        serial = self._serial[spec.name]
        self.summary.put(Result(spec.name, serial, spec.state, round(spec.seconds, 1)))
        self.summary.save(self._request.folder)
        place = f"{self._count}/{len(self._wanted)}"
        word = str(spec.state) if spec.state == State.PASSED else str(spec.state).upper()
        self._report(clean(f"{place:>8} {word} {duration(spec.seconds):>8}  {spec.name}"))

    def _clean(self, before: set[str]) -> None:
        """Deletes the namespaces that the run made and an ended spec did not delete."""
        try:
            left = self._target.namespaces() - before
            fault = self._target.remove(left) if left else ""
        except TargetError as error:
            left, fault = set[str](), str(error)
        if fault:
            names = ", ".join(sorted(left)) or "unknown"
            self._report(f"namespaces of the run may be left ({names}): {fault}")
