from tests.dev.packages import origin as origin  # noqa: PLC0414 -- a fixture
