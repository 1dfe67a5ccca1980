"""One thread writes the stand-in's state to disk while others create machines."""

from typing import Any

import pytest

from lab.arm import put
from lab.arm.state import ArmState
from lab.tests.arm.conftest import Azure
from lab.tests.arm.samples import one_machine


def test_a_machine_changes_under_the_lock_only(
    azure: Azure, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that comes while another thread writes the state ends that thread's deployment."""
    unlocked: list[str] = []
    states: list[ArmState] = []
    change, make = ArmState.change, put._resource

    class Guarded(dict[str, Any]):
        def __setitem__(self, name: str, value: Any) -> None:
            note(name)
            super().__setitem__(name, value)

        def update(self, *others: Any, **values: Any) -> None:
            note(*values)
            super().update(*others, **values)

    def note(*names: str) -> None:
        if not states[0].lock._is_owned():  # type: ignore[attr-defined]
            unlocked.extend(names)

    def seen(state: ArmState) -> Any:
        states.append(state)
        return change(state)

    monkeypatch.setattr(ArmState, "change", seen)
    monkeypatch.setattr(put, "_resource", lambda *given: Guarded(make(*given)))
    azure.deploy(one_machine())
    assert [m["spec"] for m in states[0].of_type("microsoft.compute/virtualmachines")]
    assert unlocked == []
