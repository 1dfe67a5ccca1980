"""The command `lab conformance`: Kubernetes' own suite against a cluster."""

import re
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cli.access import need_access
from cli.api import Api
from cli.contexts import LAB
from cli.exits import CommandError, Exit
from cli.targets import find_target
from cli.text import clean, duration, indented
from cli.vault import read_secret
from cluster.api import ClusterDetail
from cluster.kubeconfig import with_server
from cluster.kubernetes_api import tunnel_server
from cluster.roles import CONTROL_PLANE, WORKER
from lab import control
from lab.cli.commands import report
from lab.cli.privileges import become_root, give_to_caller
from lab.conformance.machines import load_images
from lab.conformance.results import SUMMARY, Result, ResultsError, State, Summary, read_results
from lab.conformance.run import Request, Run
from lab.conformance.suite import Suite, SuiteError, open_suite
from lab.conformance.target import Target, TargetError
from lab.fabric import FabricError
from lab.machines.machines import network_entry

SHOWN_FAILURES = 20


def run(args: Namespace) -> int:
    """Runs the specs and shows what failed. Returns 0 only if every spec that was asked for passed,
    in this run or in the one that `--skip-passed` names."""
    focus = _pattern(args.focus)
    earlier = _earlier(args.skip_passed)
    if args.parallel < 1:
        raise CommandError(Exit.REFUSED, f"--parallel {args.parallel}: at least 1")
    folder = Path(args.report)
    if (folder / SUMMARY).exists() and not args.skip_passed:
        text = f"{folder} has the results of a run; go on with it (--skip-passed {folder}), or name"
        raise CommandError(Exit.REFUSED, f"{text} another folder (--report)")
    if not args.kubeconfig:
        become_root("lab conformance")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        suite = open_suite(Path(args.suite))
        specs = suite.specs()
        if not any(focus.search(spec.name) for spec in specs):
            text = f"none of {len(specs)} conformance specs has '{args.focus}' in its name"
            raise CommandError(Exit.REFUSED, text)
        if earlier and earlier[0] != suite.version:
            text = f"{args.skip_passed} is of suite {earlier[0]}, and this is {suite.version}"
            raise CommandError(Exit.REFUSED, text)
        with _target(args, suite) as target:
            passed = earlier[1] if earlier else []
            made = Run(suite, specs, target, Request(focus, args.parallel, folder, passed), report)
            return _conduct(made, folder)
    except SuiteError as error:
        text = f"no usable suite in {args.suite}:\n{indented(str(error))}"
        raise CommandError(Exit.REFUSED, text) from None
    except (TargetError, FabricError) as error:
        raise CommandError(Exit.FAILED, str(error)) from None


def _conduct(made: Run, folder: Path) -> int:
    interrupted = False
    try:
        made.conduct()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        give_to_caller(folder)
    _show(made.summary, folder)
    if interrupted:
        print(f"slipway: interrupted; go on with --skip-passed {folder}", file=sys.stderr)
        return Exit.INTERRUPTED
    passed = len(made.summary.of(State.PASSED))
    return Exit.OK if passed == len(made.summary.results) else Exit.FAILED


def _show(summary: Summary, folder: Path) -> None:
    failed = summary.of(State.FAILED)
    for result in failed[:SHOWN_FAILURES]:
        print(clean(f"FAILED {result.name} ({duration(result.seconds)})"))
        print(indented(result.tail or f"its output is in {folder}"))
    if len(failed) > SHOWN_FAILURES:
        print(f"and {len(failed) - SHOWN_FAILURES} more")
    counts = ", ".join(f"{count} {state}" for state, count in summary.counts().items())
    before = sum(result.earlier for result in summary.results.values())
    noted = f" ({before} of the passed ones in an earlier run)" if before else ""
    print(f"{len(summary.results)} specs of {summary.suite} on {summary.cluster}: {counts}{noted}")
    print(f"results: {folder / SUMMARY}")


@contextmanager
def _target(args: Namespace, suite: Suite) -> Generator[Target]:
    """Yields the cluster. The kubeconfig of one in the lab does not stay on this machine."""
    if args.kubeconfig:
        path = Path(args.kubeconfig).resolve()
        if not path.is_file():
            raise CommandError(Exit.REFUSED, f"--kubeconfig: {path} is not a file")
        report("the cluster's nodes pull the suite's images themselves")
        yield Target(args.kubeconfig, path, suite.program("kubectl"))
        return
    with tempfile.TemporaryDirectory(prefix="slipway-conformance-") as scratch:
        cluster, config = _cluster_of_the_lab(args.cluster)
        path = Path(scratch) / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(config, encoding="utf-8")
        nodes = [node.name for node in cluster.nodes if node.role in (CONTROL_PLANE, WORKER)]
        load_images(suite, control.STATE, nodes, report)
        plane = next(node.name for node in cluster.nodes if node.role == CONTROL_PLANE)
        way = tuple(network_entry(control.STATE, plane))
        yield Target(cluster.name, path, suite.program("kubectl"), way)


def _cluster_of_the_lab(name: str | None) -> tuple[ClusterDetail, str]:
    """Returns a cluster and its kubeconfig, for a client on the network of a control plane."""
    target = find_target(Namespace(context=LAB, debug=False))
    api = Api(target)
    if name is None:
        names = [one.name for one in api.clusters().clusters]
        if len(names) != 1:
            text = f"the lab has {', '.join(names) or 'no cluster'}: --cluster NAME, or apply one"
            raise CommandError(Exit.REFUSED, text)
        name = names[0]
    cluster = api.cluster(name)
    access = need_access(cluster)
    secret = read_secret(target, access.vault, access.kubeconfig_secret)
    return cluster, with_server(secret, tunnel_server())


def _earlier(named: str | None) -> tuple[str, list[Result]] | None:
    try:
        return read_results(Path(named)) if named else None
    except ResultsError as error:
        raise CommandError(Exit.REFUSED, f"--skip-passed: {error}") from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise CommandError(Exit.REFUSED, f"--focus {text}: {error}") from None


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
