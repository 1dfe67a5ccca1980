"""check_preflight: what Azure would refuse is reported at once, before a machine exists."""

from typing import Any
from unittest.mock import patch

from clients.azure.arm import ArmError
from clients.errors import Transient
from cluster.contracts import CHECK_PREFLIGHT
from cluster.sizes import Offer
from tests.activities.world import World


def test_what_fits_passes_and_creates_nothing(world: World) -> None:
    world.planned()
    first, second = world.twice(CHECK_PREFLIGHT)
    assert first == second
    assert first.state == "done"
    assert world.services.cloud.machines == {}


def test_sizes_that_are_not_offered_are_all_named(world: World) -> None:
    world.planned()
    with patch.object(world.services.compute, "offer", return_value=Offer({}, 3)):
        refused = world.call(CHECK_PREFLIGHT)
    assert refused.cause.code == "PreflightFailed"
    for size in ("Standard_B2s_v2", "Standard_D2s_v5", "Standard_D4s_v5"):
        assert size in refused.cause.message


def test_a_service_that_is_unavailable_is_asked_again(world: World) -> None:
    world.planned()
    with patch.object(world.services.compute, "offer", side_effect=Transient("429", 7.0)):
        answer = world.call(CHECK_PREFLIGHT)
    assert (answer.state, answer.retry_after) == ("wait", 7.0)


def refused_by(world: World, code: str, message: str) -> Any:
    """Every template is refused with that error for a dozen of its resources."""
    errors = [ArmError(code, message.replace("NAME", f"demo-x-{n}")) for n in range(12)]
    with patch.object(world.services.deployments, "validate", return_value=errors):
        return world.call(CHECK_PREFLIGHT).cause


def test_a_policy_is_told_once_with_its_count_and_its_own_next_step(world: World) -> None:
    templates = len(world.planned().deployments)
    cause = refused_by(world, "RequestDisallowedByPolicy", "Resource 'NAME' was disallowed")
    assert cause.message.count("RequestDisallowedByPolicy") == 1
    assert f"({12 * templates} resources: " in cause.message
    assert "policy" in cause.next_step
    assert "quota" not in cause.next_step


def test_a_quota_has_another_next_step_than_a_policy(world: World) -> None:
    world.planned()
    cause = refused_by(world, "QuotaExceeded", "NAME needs 4 cores")
    assert "quota" in cause.next_step
    assert "policy" not in cause.next_step
    assert "no machine was created" in cause.next_step
