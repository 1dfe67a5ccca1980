from lab.testing.standins import azure  # noqa: F401 -- a fixture
