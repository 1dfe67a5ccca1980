"""check_preflight: what Azure would refuse is reported at once, before a machine exists."""

from unittest.mock import patch

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
