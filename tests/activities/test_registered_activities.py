"""Activities as function_app registers them: what goes before the boundary has no limit and no
guard for the words of services."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import activities
from clients import services as services_module
from clients import time_limit
from clients.errors import Refused, Transient
from tests.activities.test_limits import payload

WORDS = "the-words-of-a-service"
CLIENT = '{"rpcBaseUrl": "http://127.0.0.1:1"}'
EACH = pytest.mark.parametrize("activity", activities.ALL, ids=lambda a: a.contract.name)
type Call = Callable[[Any, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def call(functions: list[Any]) -> Call:
    registered = {function.get_function_name(): function for function in functions}

    def called(activity: Any, given: dict[str, Any]) -> dict[str, Any]:
        function = registered[activity.contract.name]
        arguments: dict[str, Any] = {"payload": given}
        if any(binding.type == "durableClient" for binding in function.get_bindings()):
            arguments["client"] = CLIENT
        context = SimpleNamespace(invocation_id="one")
        return asyncio.run(function.get_user_function()(context=context, **arguments))

    return called


@EACH
def test_all_that_a_registered_activity_does_is_within_its_time(
    activity: Any, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    def services() -> None:
        left.append(time_limit.left())
        raise LookupError

    monkeypatch.setattr(services_module, "_services", services)
    with pytest.raises(Exception, match="LookupError"):
        call(activity, payload(activity))
    assert left
    assert max(left) <= activity.contract.seconds


@EACH
@pytest.mark.parametrize(
    "error",
    [OSError(WORDS), Transient(WORDS, 1.0), Refused("Forbidden", WORDS, [WORDS])],
    ids=lambda error: type(error).__name__,
)
def test_no_words_of_a_service_leave_a_registered_activity_but_in_its_answer(
    activity: Any,
    error: Exception,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer() -> Any:
        raise error

    monkeypatch.setattr(services_module, "_services", answer)
    with caplog.at_level(logging.DEBUG):
        left = leaving(call, activity, payload(activity))
    assert WORDS not in left
    assert WORDS not in caplog.text


@EACH
def test_an_input_that_a_registered_activity_cannot_read_is_not_quoted(
    activity: Any, call: Call
) -> None:
    left = leaving(call, activity, {"cluster": {"secret": WORDS}})
    assert "ValidationError in " in left
    assert WORDS not in left


def leaving(call: Call, activity: Any, given: dict[str, Any]) -> str:
    """All that the host may log of what leaves."""
    try:
        call(activity, given)
    except Exception as error:
        return "".join(traceback.format_exception(error))
    return ""
