"""What libraries may write into the app's log."""

import logging
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from clients.azure.credentials import credential_of
from clients.settings import Settings
from telemetry import log_levels
from tests.clients.conftest import Script

WORDS = "the-words-of-the-identity-endpoint"


@pytest.fixture(autouse=True)
def levels() -> Any:
    """As function_app sets them, and as they were."""
    loggers = [logging.getLogger(n) for n in (*log_levels.LIBRARIES, *log_levels.QUOTING)]
    before = [logger.level for logger in loggers]
    log_levels.set_levels()
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_a_token_that_is_refused_leaves_no_words_of_the_identity_endpoint_in_the_log(
    script: Script, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    script.identity = [(400, {"statusCode": 400, "message": WORDS})]
    with pytest.raises(ClientAuthenticationError, match=WORDS):
        credential_of(settings).get_token("https://vault.azure.net/.default")
    assert script.tokens > 0
    assert WORDS not in caplog.text


@pytest.mark.parametrize("name", ["azure.core", "azure.storage.blob", "urllib3.connectionpool"])
def test_other_libraries_may_warn_and_no_more(name: str) -> None:
    logger = logging.getLogger(name)
    assert logger.isEnabledFor(logging.WARNING)
    assert not logger.isEnabledFor(logging.INFO)
