"""Measures a cold start: from the start of Python until Microsoft's worker library has indexed the
app, with and without compiled files, with and without telemetry.

Usage: python -m benchmarks.coldstart [ROUNDS]

It builds the package of HEAD with its dependencies, and starts it in a Python that, as in Azure,
cannot write beside it. Every round starts each variant once, so that other work on the machine
affects all variants equally. Compare the ratios, which come from one run.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from dev.package import package_files
from dev.packaging import tree
from dev.packaging.archive import pack
from dev.packaging.dependencies import INSIDE, worker_library

# Starts like the worker: the app's packages, then its own library, then the app. No exit handler
# sends telemetry.
PROGRAM = """
import os, sys
tree, packages, library = sys.argv[1:]
sys.path[:0] = [packages, library]
sys.path.append(tree)
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.loader import index_function_app
load_binding_registry()
registry = Registry()
class Messages:
    class BindingInfo:
        inout, out, undefined = 2, 1, 0
functions = index_function_app(f"{tree}/function_app.py")
for function in functions:
    registry.add_indexed_function(function, Messages)
os._exit(0 if functions else 1)
"""
TELEMETRY = {
    "PYTHON_ENABLE_OPENTELEMETRY": "true",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": (
        "InstrumentationKey=00000000-0000-0000-0000-000000000000;"
        "IngestionEndpoint=https://127.0.0.1:9/"
    ),
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
}


@dataclass(frozen=True)
class Cost:
    cpu: float
    wall: float


def main(rounds: int) -> None:
    library = worker_library()
    with trees() as places:
        variants = [
            (f"{name}{', telemetry' if settings else ''}", place, settings)
            for settings in ({}, TELEMETRY)
            for name, place in places.items()
        ]
        costs: dict[str, list[Cost]] = {name: [] for name, _, _ in variants}
        for number in range(rounds + 1):
            for name, place, settings in variants:
                cost = start(place, library, settings)
                if number:  # the first round fills the page cache
                    costs[name].append(cost)
    report(costs)


@contextmanager
def trees() -> Iterator[dict[str, Path]]:
    data = pack(package_files(tree.head(), "azureStorage", with_packages=True))
    with tempfile.TemporaryDirectory(prefix="slipway-coldstart-") as directory:
        names = ("all compiled", "only dependencies compiled", "nothing compiled")
        places = {name: Path(directory) / name.replace(" ", "-") for name in names}
        for place in places.values():
            with zipfile.ZipFile(BytesIO(data)) as archive:
                archive.extractall(place)
        for name, place in places.items():
            for cache in list(place.rglob("__pycache__")):
                inside = cache.relative_to(place).as_posix().startswith(INSIDE)
                if name == "nothing compiled" or (name != "all compiled" and not inside):
                    shutil.rmtree(cache)
        yield places


def start(place: Path, library: Path, settings: dict[str, str]) -> Cost:
    argv = [sys.executable, "-S", "-B", "-P", "-c", PROGRAM]
    argv += [str(place), str(place / INSIDE), str(library)]
    began = time.perf_counter()
    process = subprocess.Popen(argv, cwd=place.parent, env=settings, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the app in {place} does not index: exit code {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, wall)


def report(costs: dict[str, list[Cost]]) -> None:
    """Prints the medians and their ratio to the first variant."""
    middle = {
        name: Cost(
            statistics.median(one.cpu for one in found),
            statistics.median(one.wall for one in found),
        )
        for name, found in costs.items()
    }
    base = next(iter(middle.values()))
    width = max(map(len, middle))
    print(f"{'':{width}}  CPU s  ratio  wall s  ratio")
    for name, cost in middle.items():
        print(
            f"{name:{width}}  {cost.cpu:5.2f}  {cost.cpu / base.cpu:5.2f}"
            f"  {cost.wall:6.2f}  {cost.wall / base.wall:5.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
