"""The app hands its functions to the worker as coroutine functions that are otherwise the same."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest
from azure.durable_functions import SyncDurableFunctionsClient
from azure_functions_runtime import invocation_id_cv
from opentelemetry import context as traces

from cluster.access import AppRole
from triggers import thread_pools
from triggers.app import ConcurrentApp, UnguardedError
from triggers.endpoint import endpoint


def activity(payload: dict) -> dict:  # type: ignore[type-arg]
    where = threading.current_thread().name
    return payload | {
        "thread": where.rpartition("_")[0],
        "invocation": invocation_id_cv.get(),
        "trace": traces.get_value("of the call"),
    }


@endpoint(needs=AppRole.ANYONE)
def request(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    return func.HttpResponse(f"{type(client).__name__} {threading.current_thread().name}")


def event(event: func.CloudEvent) -> None:
    raise ValueError(event.id)


def orchestrate(context: Any, payload: dict) -> Any:  # type: ignore[type-arg]
    return payload


def functions(kind: type[df.DFApp]) -> dict[str, Any]:
    app = kind(http_auth_level=func.AuthLevel.FUNCTION)
    app.orchestration_trigger(context_name="context")(orchestrate)
    app.function_name("renamed")(app.activity_trigger(input_name="payload")(activity))
    registered = app.durable_client_input(client_name="client")(request)
    app.route(route="a/{b}", methods=["PUT"], trigger_arg_name="req")(registered)
    app.event_grid_trigger(arg_name="event")(event)
    return {function.get_function_name(): function for function in app.get_functions()}


def test_bindings_and_names_are_those_of_a_plain_app() -> None:
    plain, ours = functions(df.DFApp), functions(ConcurrentApp)
    assert list(ours) == list(plain)
    for name, function in ours.items():
        assert function.get_raw_bindings() == plain[name].get_raw_bindings()
        assert function.is_http_function() == plain[name].is_http_function()
        assert function.http_type == plain[name].http_type


def test_an_app_with_a_route_that_needs_no_role_does_not_load() -> None:
    def unguarded(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("everything")

    app = ConcurrentApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.route(route="everything", methods=["GET"], trigger_arg_name="req")(unguarded)
    with pytest.raises(UnguardedError, match="unguarded"):
        app.get_functions()


def called(name: str, **arguments: Any) -> Any:
    context = SimpleNamespace(invocation_id="seven")

    async def call() -> Any:
        traces.attach(traces.set_value("of the call", "here"))
        return await functions(ConcurrentApp)[name].get_user_function()(
            context=context, **arguments
        )

    return asyncio.run(call())


def test_an_activity_runs_in_its_pool_inside_of_the_call() -> None:
    """Trace and invocation are the call's; the thread is given back without them."""
    assert called("renamed", payload={"a": 1}) == {
        "a": 1,
        "thread": "activity",
        "invocation": "seven",
        "trace": "here",
    }
    assert thread_pools.activities.submit(invocation_id_cv.get).result() is None


def test_a_request_runs_in_its_pool_with_a_synchronous_client() -> None:
    sent = func.HttpRequest("PUT", "https://app/api/a/b", body=b"")
    text = called("request", req=sent, client='{"rpcBaseUrl": "http://127.0.0.1:1"}').get_body()
    assert text.startswith(b"SyncDurableFunctionsClient request_")


def test_what_a_function_raises_reaches_the_worker() -> None:
    with pytest.raises(ValueError, match="nine"):
        called("event", event=SimpleNamespace(id="nine"))


def test_without_the_workers_library_a_function_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not installed with the app."""
    monkeypatch.delitem(thread_pools.sys.modules, "azure_functions_runtime")
    assert called("renamed", payload={})["invocation"] is None
