import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import contracts
from cluster.outcomes import Outcome
from tests.engines import extension_only  # noqa: F401 -- a fixture
from tests.extension.rig import Rig, planned, record, rig

# By its name: the package has a function of the same one.
MODULE = importlib.import_module("activities.record_events")


@pytest.fixture
def hub(engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A run in which everything goes well, until a test scripts otherwise."""
    with rig(tmp_path) as made:
        services = SimpleNamespace(store=SimpleNamespace(blobs=made.blobs))
        monkeypatch.setattr(MODULE, "services", lambda: services)
        made.app.scripts |= {
            "record_events": record,
            "plan_cluster": lambda _: planned(),
            "start_deployment": lambda _: Outcome(retry_after=1.0),
            "poll_deployments": lambda asked: contracts.DeploymentsResult(finished=asked.parts),
            "probe_nodes": lambda _: contracts.ProbeResult(ready=7, total=7, newly=("a",)),
            "poll_play": lambda _: contracts.PollPlayResult(play_state="finished", exit_code=0),
            "verify_cluster": lambda _: contracts.VerifyResult(),
        }
        yield made
