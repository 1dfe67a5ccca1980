"""host.json: each key is one that the Durable extension knows, which ignores all others in silence.

A visibility timeout bounds how long a run stands still after its host died with a message in hand.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dev.package import BACKENDS, File, hosted
from lab.testing.engines import why_missing
from lab.testing.hosts import ensure_program
from lab.testing.machines import CACHE

ROOT = Path(__file__).parents[2]
KNOWN: dict[str, Any] = json.loads(Path(__file__).with_name("durable_options.json").read_text())
EXTENSION = "Microsoft.Azure.WebJobs.Extensions.DurableTask.dll"


def durable(backend: str) -> dict[str, Any]:
    source = File("host.json", 0o644, (ROOT / "host.json").read_bytes())
    document: dict[str, Any] = json.loads(hosted(source, backend).data)
    return document["extensions"]["durableTask"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_extension_knows_every_key(backend: str) -> None:
    section = durable(backend)
    provider = section["storageProvider"]
    assert set(section) <= set(KNOWN["durableTask"])
    assert set(section["tracing"]) <= set(KNOWN["tracing"])
    assert set(provider) <= set(KNOWN[provider["type"]])


def test_a_host_that_died_holds_a_message_for_a_minute_the_least_that_is_allowed() -> None:
    provider = durable("azureStorage")["storageProvider"]
    for queue in ("controlQueue", "workItemQueue"):
        assert provider[f"{queue}VisibilityTimeout"] == "00:01:00"


def test_the_extension_polls_as_often_as_its_plan_asks() -> None:
    """Each second on Flex Consumption, but only where nothing is set; docs/decisions/0022."""
    assert "maxQueuePollingInterval" not in durable("azureStorage")["storageProvider"]


def test_nothing_of_the_storage_backend_is_given_to_the_scheduler() -> None:
    provider = durable("durableTaskScheduler")["storageProvider"]
    assert provider["type"] == "azureManaged"
    assert set(provider).isdisjoint(set(KNOWN["azureStorage"]) - set(KNOWN["azureManaged"]))


def test_the_known_keys_are_those_of_the_extension_itself() -> None:
    """Its setters are the keys that it binds."""
    if why := why_missing():
        pytest.skip(why)
    assembly = ensure_program(CACHE, lambda _: None).with_name(EXTENSION)
    setters = set(re.findall(rb"set_(\w+)", assembly.read_bytes()))
    names = [name for kind in ("durableTask", "tracing", "azureStorage") for name in KNOWN[kind]]
    known = {name[0].upper() + name[1:] for name in names if name != "type"}
    assert known <= {setter.decode() for setter in setters}
