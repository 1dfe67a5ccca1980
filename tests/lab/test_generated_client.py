"""A client that openapi-python-client generates from the API's document launches a real cluster."""

from typing import Any

import pytest

from tests.generated_client.conftest import Launch, generated, launch  # noqa: F401 -- fixtures
from tests.lab.conftest import tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
MODE = "once"


def test_a_generated_client_launches_follows_and_removes_a_cluster(
    lab: Any,
    launch: Launch,  # noqa: F811
) -> None:
    spec = tiny("typed", 85, "wait")
    seen = launch(lab.info.url, lab.info.key, spec)
    assert (seen["status"], seen["state"]) == ("succeeded", "ready")
    assert set(seen["planned"]) == set(seen["nodes"])
    assert "ready" in seen["nodes"].values()
    assert seen["stages"]
    assert seen["after the removal"] == "deleted"
