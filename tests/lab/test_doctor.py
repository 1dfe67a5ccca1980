"""The installation examined in the lab: every service, and a login at a running controller."""

from typing import Any

import pytest

from tests.lab.conftest import tiny

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
MODE = "once"


def test_the_lab_is_a_sound_installation_and_its_controller_is_reached(lab: Any) -> None:
    assert lab.apply(tiny("looked", 97, "wait")).status_code == 200
    answer = lab.call("GET", "/api/doctor?cluster=looked").json()
    states = {finding["name"]: finding["state"] for finding in answer["findings"]}
    assert answer["well"] is True, answer
    assert states["controller"] == "ok", answer
    assert {states[name] for name in ("identity", "quota", "rights", "vault", "storage")} == {"ok"}
