"""The unchanged function app on simulated machines, for a worker that dies: what the worker loads
as its `function_app`.

The environment variable SLIPWAY_TEST_MACHINES is the address of the machines, SLIPWAY_TEST_FOLDER
names a folder. Each process writes there which claims it made and which activities it executed.
"""

import importlib.util
import json
import os
import time
from functools import wraps
from pathlib import Path
from typing import Any

import clients.ssh.controller
from activities import registration
from clients.store import Store
from cluster.contracts import Activity, RunRef
from cluster.outcomes import Outcome
from cluster.record import ClusterRecord
from lab.paths import ROOT
from lab.testing.simulated_machines import SimulatedController

FOLDER = Path(os.environ["SLIPWAY_TEST_FOLDER"])


def _note(kind: str, **fields: Any) -> None:
    """Appends a line to the process's own file, in one write, so that a kill leaves no half."""
    line = json.dumps({"kind": kind, "at": time.time(), **fields}) + "\n"
    with (FOLDER / f"notes-{os.getpid()}.jsonl").open("ab", buffering=0) as file:
        file.write(line.encode())


def _noting_claims(name: str) -> None:
    original = getattr(Store, name)

    @wraps(original)
    def save(store: Store, record: ClusterRecord, *given: Any) -> Any:
        done = original(store, record, *given)
        _note("saved", run=[record.name, record.generation])
        return done

    setattr(Store, name, save)


def _noting_executions() -> None:
    original = registration._executed

    def execute(
        contract: Activity[Any, Any], function: Any, request: RunRef, *given: Any
    ) -> Outcome:
        run, code = [request.cluster, request.generation], "raised"
        kinds = {
            "changes": contract.changes,
            "exempt": contract.reports or contract.ends_own,
            "activity": contract.name,
        }
        execution = f"{os.getpid()}-{time.monotonic_ns()}"
        _note("began", run=run, execution=execution, **kinds)
        try:
            result = original(contract, function, request, *given)
            code = result.cause.code if result.cause else result.state
        finally:
            _note("ended", run=run, execution=execution, code=code, **kinds)
        return result

    registration._executed = execute


def _app() -> Any:
    spec = importlib.util.spec_from_file_location("real_function_app", ROOT / "function_app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


SimulatedController.url = os.environ["SLIPWAY_TEST_MACHINES"]
clients.ssh.controller.SshController = SimulatedController
for method in ("create_record", "save_record", "update_record"):
    _noting_claims(method)
_noting_executions()
app = _app()
