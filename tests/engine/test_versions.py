"""Versions of orchestrations: the host's setting, the version of a new run, and who runs it."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from cluster.contracts import DELETE_CLUSTER, ORCHESTRATION_VERSION
from dev.paths import ROOT
from lab.testing.engines import ON_BOTH, ON_EXTENSION, InProcess, OpenHub, client_of, ended
from orchestrators import (
    backup_cluster,
    delete_cluster,
    maintain_cluster,
    reconcile_cluster,
    replace_nodes,
    restore_cluster,
    rotate_credential,
    upgrade_cluster,
)
from orchestrators.operation import phases_of
from runs.engine import DurableEngine
from tests.scripted import Run, Scripted

ORCHESTRATORS = [
    reconcile_cluster,
    delete_cluster,
    backup_cluster,
    replace_nodes,
    restore_cluster,
    upgrade_cluster,
    maintain_cluster,
    rotate_credential,
]
NEWER = str(int(ORCHESTRATION_VERSION) + 1)


def test_the_host_has_the_codes_own_version() -> None:
    durable = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    assert durable["defaultVersion"] == ORCHESTRATION_VERSION
    assert durable["versionMatchStrategy"] == "CurrentOrOlder"
    assert durable["versionFailureStrategy"] == "Reject"


@pytest.mark.parametrize("module", ORCHESTRATORS)
def test_there_is_a_table_for_the_codes_own_version(module: Any) -> None:
    assert phases_of(module.VERSIONS, ORCHESTRATION_VERSION) is module.PHASES


def test_a_run_gets_the_table_that_it_began_with() -> None:
    second, fourth = {"a": lambda _: None}, {"b": lambda _: None}
    versions: Any = {2: second, 4: fourth}
    assert [phases_of(versions, v) for v in ("2", "3", "4")] == [second, second, fourth]


@pytest.mark.parametrize(("version", "kind"), [("5", "newer"), ("1", "older"), (None, "older")])
def test_a_run_that_is_too_new_or_too_old_is_refused(version: str | None, kind: str) -> None:
    versions: Any = {2: {}, 4: {}}
    with pytest.raises(ValueError, match=rf"is {kind} than this app, which knows 2 to 4"):
        phases_of(versions, version)


@pytest.mark.parametrize("module", ORCHESTRATORS)
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_run_of_a_dropped_version_fails_with_the_next_step(module: Any, version: str) -> None:
    with pytest.raises(
        ValueError, match=rf"version {version} is older .* send the same request again"
    ):
        phases_of(module.VERSIONS, version)


def answer_version(context: Any, _: Any) -> Any:
    yield from ()
    return context.version


@ON_BOTH
def test_a_start_carries_the_codes_own_version(open_hub: OpenHub) -> None:
    """On a host that has another one for starts without."""
    app = InProcess({DELETE_CLUSTER: answer_version}, {})
    durable = {"defaultVersion": "1", "versionMatchStrategy": "None"}
    with open_hub(app, ROOT / "host.json", **durable) as hub, client_of(hub) as client:
        payload = {"cluster": "demo", "generation": 1}
        DurableEngine(client).start(DELETE_CLUSTER, "demo-000001", payload)
        assert ended(client, "demo-000001").get_output() == ORCHESTRATION_VERSION


@ON_BOTH
def test_a_run_of_a_newer_version_is_left_alone(new_run: Callable[[], Run]) -> None:
    newer, own = new_run(), new_run()
    newer.begin(DELETE_CLUSTER, version=NEWER)
    own.complete(DELETE_CLUSTER)
    assert newer.state().runtime_status == OrchestrationStatus.PENDING
    assert newer.app.turns == 0


@pytest.mark.long
@pytest.mark.timeout(400)
@ON_EXTENSION
def test_a_run_of_a_newer_version_is_taken_by_the_host_that_follows(
    open_hub: OpenHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while an app is replaced: the older host keeps it waiting in its partition until it ends.
    Hosts in memory share no hub."""
    app, name = Scripted(), f"t{secrets.token_hex(8)}"
    monkeypatch.setitem(delete_cluster.VERSIONS, int(NEWER), delete_cluster.PHASES)
    with open_hub(app, ROOT / "host.json", hubName=name) as older:
        run = Run(app, older)
        run.begin(DELETE_CLUSTER, version=NEWER)
        Run(app, older, generation=2).complete(DELETE_CLUSTER)
        assert run.state().runtime_status == OrchestrationStatus.PENDING
    with open_hub(app, ROOT / "host.json", hubName=name, defaultVersion=NEWER) as run.hub:
        assert run.finish(300).runtime_status == OrchestrationStatus.COMPLETED
