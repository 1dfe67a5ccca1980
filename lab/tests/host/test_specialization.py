"""A placeholder worker is specialized for the app, as Flex Consumption does it.

The pool of Microsoft's library is made before the app's settings arrive, so they do not count.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.paths import ROOT
from triggers.thread_pools import ACTIVITY_THREADS

PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
import azure_functions_runtime as runtime
from benchmarks.concurrency import first_turn
from lab.host.messages import StatusResult, invocation, parameter, request

placeholder, app, folder, count = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])

async def main():
    asked = request("worker_init_request", capabilities={}, function_app_directory=placeholder)
    runtime.start_threadpool_executor()
    await runtime.worker_init_request(asked)
    env = {**os.environ, "SLOW_FOLDER": str(folder), "PYTHON_THREADPOOL_THREAD_COUNT": "1000"}
    asked = request(
        "function_environment_reload_request", function_app_directory=app,
        environment_variables=env)
    sys.path.insert(0, app)  # both as the worker before the library does it
    runtime.start_threadpool_executor()
    reloaded = await runtime.function_environment_reload_request(asked)
    assert reloaded.result.status == StatusResult.Success, reloaded.result.exception.message
    metadata = await runtime.functions_metadata_request(request("functions_metadata_request"))
    ids = {one.name: one.function_id for one in metadata.function_metadata_results}

    async def call(name, number, text):
        values = [parameter("payload" if name == "slow" else "_durable_input", string=text)]
        response = await runtime.invocation_request(invocation(ids[name], number, values, ""))
        assert response.result.status == StatusResult.Success, response.result.exception.message
        return response.return_value

    slow = [asyncio.create_task(call("slow", str(n), "{}")) for n in range(count)]
    while len(list(folder.glob("activity-*"))) < count:
        await asyncio.sleep(0.02)
        assert not any(one.done() for one in slow), [one.exception() for one in slow if one.done()]
    answered = await call("turn", "turn", first_turn())
    still = sum(not one.done() for one in slow)
    (folder / "go").touch()
    await asyncio.gather(*slow)
    pool = runtime.get_threadpool_executor()._max_workers
    print(json.dumps({"turn": bool(answered.string), "still": still, "library": pool}))

asyncio.run(main())
"""


def test_as_many_activities_run_at_once_after_a_placeholder(tmp_path: Path) -> None:
    placeholder, folder = tmp_path / "placeholder", tmp_path / "slow"
    placeholder.mkdir()
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(placeholder),
         str(ROOT / "benchmarks" / "slow_app"), str(folder), str(ACTIVITY_THREADS)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHON_CPU_COUNT": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == {"turn": True, "still": ACTIVITY_THREADS, "library": 5}
