"""The worker process: Microsoft's library loads the app, or refuses it with its own message."""

from pathlib import Path

import pytest

from lab.host.pool import WorkerPool, worker_environment

HEAD = """
import azure.durable_functions as df
app = df.DFApp()
"""
ALIAS = """
@app.activity_trigger(input_name="payload")
def aliased(payload: dict[str, str]) -> dict:
    return payload
"""
UNBOUND = """
@app.activity_trigger(input_name="payload")
def unbound(payload: dict, other: str) -> dict:
    return payload
"""


def start(folder: Path, program: str) -> None:
    (folder / "function_app.py").write_text(program)
    pool = WorkerPool(folder, worker_environment({}), folder / "worker.log")
    pool.start()
    pool.end()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (HEAD + ALIAS, "cannot load the aliased function: binding payload has invalid non-type"),
        (HEAD + UNBOUND, "cannot load the unbound function: .*declared in Python but not in"),
        (HEAD + "import no_such_module", "No module named 'no_such_module'"),
        ("app = None", "Could not find top level function app instances in function_app.py"),
    ],
)
def test_an_app_that_the_library_refuses_does_not_start(
    tmp_path: Path, program: str, words: str
) -> None:
    """The function, where it is one function's fault, and the cause."""
    with pytest.raises(RuntimeError, match=f"the function app was refused: .*{words}"):
        start(tmp_path, program)


def test_a_folder_without_an_app_does_not_start(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, worker_environment({}), tmp_path / "worker.log")
    with pytest.raises(RuntimeError, match=r"has no function_app\.py with functions"):
        pool.start()
