"""One run of ginkgo over some specs. What it starts ends with it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lab.conformance.output import Ended, Output
from lab.conformance.results import Result, read_ginkgo
from lab.conformance.suite import Spec, Suite
from lab.conformance.target import Target

LOOK_SECONDS = 0.3
# After an interrupt, each spec may take 30 s (ginkgo's grace period) for each of its clean-ups.
END_SECONDS = 150.0
KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Batch:
    """`title` names the files of the run in `folder`. `scratch` is the home of its programs."""

    title: str
    specs: Sequence[Spec]
    processes: int
    folder: Path
    scratch: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.title}.log"

    def run(
        self,
        suite: Suite,
        target: Target,
        ended: Callable[[Ended], None],
        report: Callable[[str], None],
    ) -> None:
        """Calls `ended` for each spec as it ends.

        An interrupt lets the specs that run clean up; a second one ends them at once. It is raised
        again when no process is left.
        """
        output = Output(spec.name for spec in self.specs)
        argv = [*target.way, *self._command(suite, target)]
        home = {"HOME": str(self.scratch), "TMPDIR": str(self.scratch)}
        environment = {"PATH": os.environ.get("PATH", os.defpath)} | home
        with self.log.open("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                argv,
                cwd=self.scratch,
                env=environment,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                with self.log.open(encoding="utf-8", errors="replace") as reader:
                    try:
                        _follow(process, reader, output, ended)
                    except KeyboardInterrupt:
                        report("interrupted: the specs that run clean up; again ends them at once")
                        with suppress(KeyboardInterrupt):
                            _signal(process, signal.SIGINT)
                            process.wait(END_SECONDS)
                        _read(reader, output, ended)
                        raise
            finally:
                _kill(process)

    def results(self) -> list[Result]:
        """Returns what ginkgo reported at its end, also after an interrupt; may be nothing."""
        return read_ginkgo(self._json)

    @property
    def _json(self) -> Path:
        return self.scratch / f"{self.title}.json"

    def _command(self, suite: Suite, target: Target) -> list[str]:
        names = "|".join(re.escape(spec.name) for spec in self.specs)
        return [
            str(suite.program("ginkgo")),
            "-v",
            "--no-color",
            "--silence-skips",
            "--timeout=24h",
            f"--procs={self.processes}",
            f"--focus= (?:{names})$",
            f"--output-dir={self.scratch}",
            f"--json-report={self._json.name}",
            str(suite.program("e2e.test")),
            "--",
            f"--kubeconfig={target.kubeconfig}",
            f"--kubectl-path={target.kubectl}",
            "--provider=skeleton",
            "--disable-log-dump",
            "--dump-logs-on-failure=false",
        ]


def _follow(
    process: "subprocess.Popen[bytes]",
    reader: TextIO,
    output: Output,
    ended: Callable[[Ended], None],
) -> None:
    while process.poll() is None:
        _read(reader, output, ended)
        time.sleep(LOOK_SECONDS)
    _read(reader, output, ended)


def _read(reader: TextIO, output: Output, ended: Callable[[Ended], None]) -> None:
    for line in _whole_lines(reader):
        if found := output.read(line):
            ended(found)


def _whole_lines(reader: TextIO) -> Iterator[str]:
    """Yields the lines that were written since. One without an end is read again."""
    while True:
        position = reader.tell()
        line = reader.readline()
        if not line.endswith("\n"):
            reader.seek(position)
            return
        yield line


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Signals ginkgo and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    _signal(process, signal.SIGKILL)
    process.wait(KILL_SECONDS)
