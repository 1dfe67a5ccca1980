import pytest

from lab.testing.azure_storage import Azure, azure  # noqa: F401 -- a fixture
from lab.testing.engines import extension_only  # noqa: F401 -- a fixture
from tests.scripted import Recorder, Run, Scripted, all_well, recorder  # noqa: F401 -- a fixture


class Rig(Run):
    """A run whose host can die, on storage that can be away. `kill` and `start` are a host that
    dies and the one that Azure starts after it."""

    def __init__(self, app: Scripted, azure: Azure, recorder: Recorder) -> None:  # noqa: F811
        super().__init__(app, azure.host(app))
        self.azure, self.recorder = azure, recorder
        self.door = azure.gates["queue"]

    def kill(self) -> None:
        self.azure.hosts[-1].kill()

    def start(self) -> None:
        self.hub = self.azure.host(self.app)


@pytest.fixture
def hub(azure: Azure, recorder: Recorder) -> Rig:  # noqa: F811
    """A run in which everything goes well, until a test scripts otherwise."""
    app = Scripted()
    all_well(app, recorder)
    return Rig(app, azure, recorder)
