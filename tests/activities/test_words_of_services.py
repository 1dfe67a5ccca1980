"""Error texts of services are in the run's record, but not in the host's log or the task hub."""

import logging
import traceback
from typing import Any

import pytest

import activities
from clients import services as services_module
from clients.errors import Refused, Transient
from tests.activities.test_limits import payload

WORDS = "the-words-of-a-service"
RAISED = [
    OSError(WORDS),
    ValueError(WORDS),
    RuntimeError(WORDS),
    Transient(WORDS, 1.0),
    Refused("Forbidden", WORDS, [WORDS]),
]


def leaving(activity: Any) -> Exception | None:
    try:
        activity(payload(activity))
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("activity", activities.ALL, ids=lambda a: a.contract.name)
def test_no_words_of_a_service_leave_an_activity_but_in_its_answer(
    activity: Any,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer() -> Any:
        raise error

    monkeypatch.setattr(services_module, "_services", answer)
    with caplog.at_level(logging.DEBUG):
        left = leaving(activity)
    if left is not None:
        assert WORDS not in "".join(traceback.format_exception(left))
        assert WORDS not in str(left.args)
    assert WORDS not in caplog.text


def test_an_input_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(Exception, match="ValidationError in ") as caught:
        activities.ensure_keys({"cluster": {"secret": WORDS}})
    assert WORDS not in str(caught.value)


def test_a_fault_is_named_with_its_type_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> Any:
        raise OSError(WORDS)

    monkeypatch.setattr(services_module, "_services", answer)
    with pytest.raises(Exception, match=r"OSError in .*registration\.py:\d+ .*services\.py:\d+"):
        activities.probe_nodes({"cluster": "demo", "generation": 1})
