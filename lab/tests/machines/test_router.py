"""The router of a virtual network, whose creation may be cut off by a kill at any moment."""

import re
import subprocess
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from lab.machines import router
from lab.machines.site import Site
from lab.tests.machines.host import on_a_host_of_its_own

pytestmark = pytest.mark.lab


class CutError(Exception):
    """The process was killed here."""


def cut_after(calls: int, *functions: Callable[..., Any]) -> list[Any]:
    """Returns patches of the router's module with which only so many calls are made."""
    made = iter(range(calls))

    def cut(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(made, None) is None:
                raise CutError
            return function(*args, **kwargs)

        return call

    return [patch.object(router, one.__name__, cut(one)) for one in functions]


def seen(name: str) -> str:
    """Returns addresses and routes of the router and of its end on the host."""
    asked = (
        ["ip", "-n", name, "-br", "-4", "addr"],
        ["ip", "-n", name, "route"],
        ["ip", "netns", "exec", name, "cat", "/proc/sys/net/ipv4/ip_forward"],
        ["ip", "-br", "-4", "addr", "show", name],
    )
    answers = [subprocess.run(a, capture_output=True, text=True, check=False) for a in asked]
    # Without the kernel's own numbers, and states that follow a little later.
    passing = re.compile(r"@if\d+|\b(UP|DOWN|UNKNOWN|LOWERLAYERDOWN|linkdown)\b")
    return "\n".join(" ".join(passing.sub("", one.stdout).split()) for one in answers)


@on_a_host_of_its_own
def test_a_router_whose_creation_was_cut_off_anywhere_is_completed() -> None:
    made = router.Router(Site(3), 0)
    made.open()
    whole = seen(made.name)
    assert "default via" in whole
    cuts = 0
    # What it does to the host is the same each time.
    with patch.object(router, "prepare_host"):
        for calls in range(40):
            made.close()
            patches = cut_after(calls, router.run, router.succeeds, router.call_in)
            for one in patches:
                one.start()
            try:
                made.open()
            except CutError:
                cuts += 1
            else:
                break
            finally:
                for one in patches:
                    one.stop()
            made.open()
            assert seen(made.name) == whole, f"cut off after {calls} calls"
        made.open()
        assert seen(made.name) == whole, "a repeated call changes nothing"
    assert cuts > 7
