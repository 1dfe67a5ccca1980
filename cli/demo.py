"""demo: the whole path in a lab on this machine, from an empty one to a summary."""

import contextlib
import json
import shutil
import signal
import sys
import tempfile
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.api import Api, Target
from cli.exits import CommandError, Exit
from cli.follow import Ending, follow
from cli.lab import LAB_ERRORS
from cli.lab_setup import Supply, ensure_packages, find_supply, save_run
from cli.progress import open_view
from cli.root import ROOT, become_root, give_to_caller
from cli.show import show_cluster
from cli.specs import load_spec
from cli.text import clean
from lab import control

EXAMPLE = ROOT / "examples/demo.yaml"


@dataclass
class Demo:
    """One demonstration. `folder` keeps what is worth reading once the lab is gone."""

    spec: dict[str, Any]
    artifacts: str | None
    out: TextIO
    folder: Path = field(init=False)
    info: control.LabInfo | None = None
    ending: Ending | None = None
    supply: Supply = field(default_factory=Supply)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-demo-"))

    def report(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that is gone must not keep the lab up
            print(f"  {text}", file=self.out, flush=True)

    def run(self) -> None:
        ensure_packages(self.report)
        if control.status()["state"]:
            self.report("clearing what an earlier lab left")
            control.down(self.report)
        self.supply = find_supply(self.artifacts, self.report)
        if self.supply.named:
            self.spec["artifacts"] = self.supply.named
        self.report("starting the lab")
        self.info = control.up(self.supply.options(), self.report)
        api = Api(Target(self.info.url, self.info.key))
        accepted = api.put(self.spec)
        self.report(f"the API accepted the spec: {accepted['operation']}")
        with open_view(self.out) as view:
            self.ending = follow(api, accepted["name"], accepted["operation"], view)

    def keep_record(self) -> None:
        """The run's events and logs; after a failure the services' logs too."""
        if self.info and self.ending:
            save_run(self.info, self.ending.document["name"], self.folder)
        if not self.ending or self.ending.code != Exit.OK:
            if (control.STATE / "logs").is_dir():
                shutil.copytree(control.STATE / "logs", self.folder / "lab", dirs_exist_ok=True)
            if (control.STATE / "supervisor.log").exists():
                shutil.copy(control.STATE / "supervisor.log", self.folder)
        give_to_caller(self.folder)

    def summarize(self, ending: Ending) -> None:
        console = Console(file=self.out)
        console.rule("summary")
        show_cluster(ending.document, console)
        self._nodes(console, ending.document["nodes"])
        for check in ending.document.get("checks") or []:
            mark = Text("✔ ", "green") if check["ok"] else Text("✘ ", "red")
            detail = f": {check['detail']}" if check["detail"] else ""
            console.print(mark + Text(clean(f"{check['name']}{detail}")))
        if self.supply.filled and ending.code == Exit.OK:
            stage = (ending.document.get("spec") or {}).get("playbook", {}).get("through", "etcd")
            text = (
                f"The play ended after its {stage} stage, with containerd and etcd from Debian's "
                "packages: Kubernetes' release artifacts were not at hand "
                "(--artifacts names a mirror)."
            )
            console.print(Text(text, "yellow"), soft_wrap=True)
        console.print(Text(f"events and logs of the run: {self.folder}"), soft_wrap=True)

    @staticmethod
    def _nodes(console: Console, nodes: list[dict[str, Any]]) -> None:
        table = Table("node", "role", "address", "state", box=None, pad_edge=False)
        for node in nodes:
            shown = (node[key] or "" for key in ("name", "role", "address", "state"))
            table.add_row(*(Text(clean(text)) for text in shown))
        console.print(table)


def demo(args: Namespace) -> int:
    """Exit code 0 only where the run succeeded. The lab goes down whatever happened."""
    become_root("demo")
    spec = load_spec(args.spec or str(EXAMPLE))
    if control.read_info():
        raise CommandError(Exit.REFUSED, "a lab is up; './slipway lab down' takes it down first")
    # The end of a terminal or a job ends the lab as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    show = Demo(spec, args.artifacts, sys.stderr if args.json else sys.stdout)
    try:
        code = _attempt(show)
    finally:
        _take_down(show, keep=args.keep)
    if args.json and show.ending:
        print(json.dumps(show.ending.document))
    return code


def _attempt(show: Demo) -> int:
    try:
        show.run()
    except KeyboardInterrupt:
        print("\nslipway: interrupted", file=sys.stderr)
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
    # From here on it is one short way out; a second Ctrl-C would only leave things behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    show.report("taking the lab down")
    control.down(lambda _: None)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
