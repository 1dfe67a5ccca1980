"""What a host's own settings make of a run: its versions and its time limit."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.host.azure_storage import ExtensionHub
from lab.host.dispatch import Dispatcher
from lab.host.executions import Executions
from lab.host.memory import MemoryHub
from lab.host.versions import Versions
from lab.testing.engines import InProcess, OpenHub, client_of, ended
from lab.tests.engines.conftest import ORCHESTRATORS


def test_a_run_that_is_newer_than_the_host_waits_where_host_json_says_so(
    open_hub: OpenHub, host_json: Path
) -> None:
    """Until a newer host takes it: another one on the hub, or another worker of the engine in
    memory."""
    app = InProcess(ORCHESTRATORS, {})
    settings: dict[str, Any] = {
        "hubName": f"t{secrets.token_hex(8)}",
        "versionFailureStrategy": "Reject",
    }

    @contextmanager
    def replaced(hub: MemoryHub | ExtensionHub) -> Iterator[MemoryHub | ExtensionHub]:
        if isinstance(hub, MemoryHub):
            newer = Versions.of(settings | {"defaultVersion": "4"})
            dispatcher = Dispatcher(hub.engine, app, Executions(), newer)
            dispatcher.start()
            yield hub
            dispatcher.end()
        else:
            hub.end()
            with open_hub(app, host_json, **settings | {"defaultVersion": "4"}) as other:
                yield other

    with open_hub(app, host_json, **settings) as hub:
        with client_of(hub) as client:
            instance = client.schedule_new_orchestration("version", version="4")
            older = client.schedule_new_orchestration("version", version="3")
            assert ended(client, older).get_output() == "3"
            # Some offers long.
            time.sleep(4.0)
            state = client.get_orchestration_state(instance)
            assert state is not None
            assert state.runtime_status.name == "PENDING"
        with replaced(hub) as newer, client_of(newer) as client:
            assert ended(client, instance, 120).get_output() == "4"


def test_at_the_functions_time_limit_the_extensions_program_is_replaced_and_memory_continues(
    open_hub: OpenHub, tmp_path: Path
) -> None:
    """docs/engines.md has what the Functions host does, and why neither has to."""
    over = threading.Event()
    app = InProcess(ORCHESTRATORS, {"slow": lambda _: over.wait(60)})
    host_json = tmp_path / "host.json"
    host_json.write_text(json.dumps({"version": "2.0", "functionTimeout": "00:00:03"}))
    with open_hub(app, host_json) as hub, client_of(hub) as client:
        first = hub.process.pid if isinstance(hub, ExtensionHub) else None
        instance = client.schedule_new_orchestration("attempt", input={"activity": "slow"})
        if isinstance(hub, ExtensionHub):
            until = time.monotonic() + 60
            while hub.process.pid == first:
                assert time.monotonic() < until
                time.sleep(0.1)
            over.set()
        else:
            time.sleep(6.0)
            state = client.get_orchestration_state(instance)
            assert state is not None
            assert state.runtime_status.name == "RUNNING"
            over.set()
            assert ended(client, instance).get_output() is None
