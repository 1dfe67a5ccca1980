"""A client that others' generator makes from the OpenAPI document launches a whole cluster."""

import re
from pathlib import Path

from lab.simulation.run import Scenario
from tests.generated_client.conftest import Launch
from tests.generated_client.simulated_api import KEY, simulated_api

SMALL = Scenario(9, ready=80.0, play=240.0, cluster="demo", pool="worker", tasks=60)
# The generator writes JSON only.
LEFT_OUT = ["Unsupported content type application/yaml"]


def test_the_generator_understands_the_whole_document(generated: tuple[Path, str]) -> None:
    printed = generated[1]
    assert len(re.findall(r"^WARNING|^ERROR", printed, re.MULTILINE)) == len(LEFT_OUT), printed
    assert all(warning in printed for warning in LEFT_OUT), printed


def test_it_launches_follows_and_removes_a_cluster(launch: Launch) -> None:
    spec = SMALL.wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
    with simulated_api(SMALL) as url:
        seen = launch(url, KEY, spec)
    assert seen["refused"] == ["name"]
    assert len(seen["planned"]) == 10
    assert (seen["status"], seen["state"]) == ("succeeded", "ready")
    assert seen["percent"] == [100, None]
    assert set(SMALL.hosts()) <= set(seen["nodes"])
    assert all(seen["nodes"][host] == "ready" for host in SMALL.hosts())
    assert set(seen["phases"].values()) == {"done"}
    assert seen["first event"] == 2
    assert "Etcd" in seen["stages"]
    assert seen["listed"] == ["demo"]
    assert seen["after the removal"] == "deleted"
