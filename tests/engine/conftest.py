import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test helpers of this folder, importable by name under --import-mode=importlib.
_spec = importlib.util.spec_from_file_location("engine", Path(__file__).with_name("engine.py"))
assert _spec
assert _spec.loader
engine_module = importlib.util.module_from_spec(_spec)
sys.modules["engine"] = engine_module
_spec.loader.exec_module(engine_module)

from engine import Engine, Recorder, plan_result, running_engine  # noqa: E402

from cluster import contracts  # noqa: E402
from cluster.outcomes import Outcome  # noqa: E402


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pause takes at least is for real backends; `tests/unit/test_waiting.py` tests it."""
    monkeypatch.setattr("orchestrators.waiting.SHORTEST_SECONDS", 0.01)
    monkeypatch.setattr("orchestrators.waiting.TRUNCATED_SECONDS", 0.0)


@pytest.fixture
def engine(recorder: Recorder) -> Iterator[Engine]:
    """A run in which everything goes well, until a test scripts otherwise."""
    with running_engine() as running:
        running.script(contracts.RECORD_EVENTS, recorder)
        running.script(contracts.PLAN_CLUSTER, lambda _: plan_result())
        running.script(
            contracts.POLL_DEPLOYMENTS,
            lambda request: contracts.DeploymentsResult(finished=request.parts),
        )
        running.script(contracts.START_DEPLOYMENT, lambda _: Outcome(retry_after=0.01))
        running.script(
            contracts.PROBE_NODES, lambda _: contracts.ProbeResult(ready=7, total=7, newly=("a",))
        )
        running.script(
            contracts.POLL_PLAY,
            lambda _: contracts.PollPlayResult(play_state="finished", exit_code=0),
        )
        running.script(
            contracts.VERIFY_CLUSTER,
            lambda _: contracts.VerifyResult(checks=(contracts.Check(name="etcd", ok=True),)),
        )
        yield running
