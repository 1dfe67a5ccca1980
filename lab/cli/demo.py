"""The command `demo`: shows the whole process in a lab on this machine, from an empty lab to a
summary."""

import contextlib
import json
import signal
import sys
import tempfile
from argparse import Namespace
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from cli.access import access_hint
from cli.api import Api
from cli.exits import CommandError, Exit
from cli.follow import Ending, follow
from cli.progress import open_view
from cli.specs import json_body, load_spec
from cli.tables import show_cluster
from cli.targets import Target
from lab import control
from lab.cli.commands import LAB_ERRORS
from lab.cli.privileges import become_root, give_to_caller
from lab.cli.record import save_run, save_services
from lab.cli.setup import set_up, sole_switch, step
from lab.cli.supply import Supply
from lab.paths import ROOT

EXAMPLE = ROOT / "examples/demo.yaml"
ENGINE_NAMES = {
    "memory": "memory (durabletask's in-memory engine)",
    "azure-storage": "azure-storage (Microsoft's Durable extension on Azurite)",
}


@dataclass
class Demo:
    """One demonstration. `folder` keeps the events and logs after the lab is gone."""

    spec: dict[str, Any]
    artifacts: str | None
    engine: str
    out: TextIO
    keep: bool
    folder: Path = field(init=False)
    info: control.LabInfo | None = None
    accepted: bool = False
    ending: Ending | None = None
    supply: Supply = field(default_factory=Supply)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-demo-"))

    def report(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep the lab up
            print(f"  {text}", file=self.out, flush=True)

    def run(self) -> None:
        if control.status()["state"]:
            self.report("clearing what an earlier lab left")
            control.down(self.report)
        self.supply = set_up(self.artifacts, self.spec, self.engine, self.report)
        if self.supply.named:
            self.spec["artifacts"] = self.supply.named
        start = partial(control.up, self.supply.options(self.engine), self.report)
        self.info = step("lab", start, self.report)
        api = Api(Target(self.info.url, self.info.key))
        accepted = api.put(self.spec["name"], json_body(self.spec))
        self.accepted = True
        self.report(f"the API accepted the spec: {accepted.operation}")
        with open_view(self.out) as view:
            self.ending = follow(api, accepted.name, accepted.operation, view)

    def keep_record(self) -> None:
        """Saves the run's events and logs; after a failure, also the logs of the lab's services."""
        try:
            if self.info and self.accepted:
                save_run(self.info, self.spec["name"], self.folder)
        except Exception as error:  # whatever the storage's error is, the lab must be taken down
            self.report(f"the record of the operation could not be kept: {type(error).__name__}")
        if not self.ending or self.ending.code != Exit.OK:
            save_services(self.folder)
        give_to_caller(self.folder)

    def summarize(self, ending: Ending) -> None:
        console = Console(file=self.out)
        console.rule("summary")
        # What failed is told once: at the end, with the end of the log.
        show_cluster(ending.cluster, console, with_cause=not ending.problem)
        if ending.code == Exit.OK:
            if source := self._source():
                console.print(Text(source, "yellow"), soft_wrap=True)
            if self.keep and (hint := access_hint(ending.cluster)):
                console.print(Text(hint), soft_wrap=True)
        console.print(Text(f"engine: {ENGINE_NAMES[self.engine]}"), soft_wrap=True)
        console.print(Text(f"events and logs of the operation: {self.folder}"), soft_wrap=True)

    def _source(self) -> str:
        """Returns where the programs came from and why, if the lab had to fill a mirror."""
        versions = self.supply.filled
        if not versions:
            return ""
        return (
            "The hosts of the official releases were not reached, and no mirror was named "
            f"(--artifacts DIR|URL). So the lab's mirror has containerd {versions['containerd']} "
            f"and etcd {versions['etcd']} from Debian's packages, and no Kubernetes."
        )


def demo(args: Namespace) -> int:
    """Runs the demonstration. Returns 0 only if the run succeeded. The lab is taken down in any
    case, except with `keep`."""
    become_root("demo")
    spec = load_spec(args.spec or str(EXAMPLE)).document
    with sole_switch():
        if control.read_info():
            text = "a lab is up; './slipway lab down' takes it down first"
            raise CommandError(Exit.REFUSED, text)
        # A closed terminal or an ended job ends the lab as Ctrl-C does.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        out = sys.stderr if args.json else sys.stdout
        show = Demo(spec, args.artifacts, args.engine, out, args.keep)
        try:
            code = _attempt(show)
        finally:
            _take_down(show, keep=args.keep)
    if args.json and show.ending:
        print(json.dumps(show.ending.cluster.received()))
    return code


def _attempt(show: Demo) -> int:
    try:
        show.run()
    except KeyboardInterrupt:
        print(f"\nslipway: interrupted; logs: {show.folder}", file=sys.stderr)
        return Exit.INTERRUPTED
    except LAB_ERRORS as error:
        raise CommandError(Exit.FAILED, f"{error}\nlogs: {show.folder}") from None
    except CommandError as error:
        raise CommandError(error.code, f"{error}\nlogs: {show.folder}") from None
    finally:
        show.keep_record()
    if show.ending is None:
        raise AssertionError("a run that returned has ended")
    show.summarize(show.ending)
    if show.ending.problem:
        print(f"slipway: {show.ending.problem}", file=sys.stderr)
    return show.ending.code


def _take_down(show: Demo, *, keep: bool) -> None:
    if keep and control.read_info():
        url = show.info.url if show.info else ""
        show.report(f"the lab stays up at {url}: './slipway lab down' takes it down")
        return
    # The rest takes little time. A second Ctrl-C would only leave remains behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        step("lab taken down", partial(control.down, lambda _: None), show.report)
    except LAB_ERRORS as error:
        text = f"the lab could not be taken down: {error}\n'./slipway lab down' tries again"
        raise CommandError(Exit.FAILED, text) from None


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
