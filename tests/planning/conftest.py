from tests.clients.conftest import script as script  # noqa: PLC0414 -- fixtures, used here too
from tests.clients.conftest import settings as settings  # noqa: PLC0414
