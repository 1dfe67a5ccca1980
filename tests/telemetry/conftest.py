from collections.abc import Iterator

import pytest

from tests.clients.conftest import azurite as azurite  # noqa: PLC0414 -- a fixture, used here too
from tests.clients.conftest import script as script  # noqa: PLC0414
from tests.clients.conftest import settings as settings  # noqa: PLC0414
from tests.telemetry.heard import Heard
from tests.telemetry.story import Story, tell_story


@pytest.fixture(scope="session")
def listening() -> Iterator[Heard]:
    heard = Heard()
    heard.start()
    yield heard
    heard.stop()


@pytest.fixture
def heard(listening: Heard) -> Heard:
    listening.clear()
    return listening


@pytest.fixture(scope="session")
def story(
    listening: Heard, azurite: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Runs of one cluster and the telemetry of them, made once for all tests."""
    listening.clear()
    with tell_story(listening, azurite, tmp_path_factory.mktemp("azure")) as told:
        told.heard = listening.kept()
        yield told
