from collections.abc import Iterator

import pytest

from lab.simulation.run import Scenario, simulation
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A claimed cluster of eight nodes, of which nothing exists yet."""
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        made.apply()
        yield World(made)
