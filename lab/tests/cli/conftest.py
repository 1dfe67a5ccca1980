from tests.cli.conftest import spec as spec  # noqa: PLC0414
from tests.cli.conftest import talk as talk  # noqa: PLC0414 -- a fixture, used here too
