"""Requests while others take long: plans and examinations have separate threads, and a backend that
hangs counts as unavailable."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import grpc
import pytest
from azure.durable_functions import SyncDurableFunctionsClient
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from cli.session import TIMEOUT
from clients.errors import Transient
from clients.time_limit import left, time_limit
from cluster.access import AppRole
from runs import deadline
from runs.engine import DurableEngine, EngineAwayError
from triggers import thread_pools
from triggers.app import ConcurrentApp, _requests, as_coroutine
from triggers.endpoint import SECONDS, SLOW_SECONDS, endpoint
from triggers.requests import reply_document

PLATFORM_SECONDS = 230


def request(name: str, query: str = "") -> func.HttpRequest:
    return func.HttpRequest("PUT", f"https://app/api/{name}?{query}", body=b"")


def pool_of(functions: list[Any], name: str, req: func.HttpRequest) -> str:
    """Where the registered function is run, without running it."""
    seen: list[Any] = []

    async def run(pool: Any, *_: Any, **__: Any) -> None:
        seen.append(pool)

    function = {one.get_function_name(): one for one in functions}[name].get_user_function()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thread_pools, "run", run)
        asyncio.run(function(context=None, req=req, client=""))
    return seen[0]._thread_name_prefix


@pytest.mark.parametrize(
    ("name", "query", "pool"),
    [
        ("put_cluster", "plan=true", "slow"),
        ("put_cluster", "code=x&PLAN=true", "slow"),
        ("put_cluster", "", "request"),
        ("get_doctor", "", "slow"),
        ("get_cluster", "", "request"),
        ("remove_cluster", "", "request"),
        ("cancel_cluster", "", "request"),
        ("get_events", "after=1", "request"),
    ],
)
def test_only_plans_and_examinations_run_in_the_pool_of_slow_requests(
    functions: list[Any], name: str, query: str, pool: str
) -> None:
    assert pool_of(functions, name, request("x", query)) == pool


def test_slow_requests_beyond_the_queue_are_refused_at_once_and_others_are_answered() -> None:
    go = threading.Event()
    places = 2 * thread_pools.SLOW_THREADS

    @endpoint(slow=lambda _: True, needs=AppRole.READER)
    def examine(req: func.HttpRequest) -> func.HttpResponse:
        go.wait()
        return reply_document({})

    @endpoint(needs=AppRole.READER)
    def cancel(req: func.HttpRequest) -> func.HttpResponse:
        # Only the cancel lets the slow ones go on.
        go.set()
        return reply_document({})

    app = ConcurrentApp(http_auth_level=func.AuthLevel.FUNCTION)
    for function in (examine, cancel):
        app.route(route=function.__name__, methods=["PUT"], trigger_arg_name="req")(function)
    named = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}

    async def all_at_once() -> tuple[list[Any], list[Any]]:
        taken = [asyncio.create_task(named["examine"](req=request("a"))) for _ in range(places)]
        await asyncio.sleep(0)
        # No slow one has ended.
        refused = [await named["examine"](req=request("a")) for _ in range(3)]
        ended = await asyncio.gather(named["cancel"](req=request("b")), *taken)
        # Every place is free again.
        again = [asyncio.create_task(named["examine"](req=request("a"))) for _ in range(places)]
        return refused, [*ended, *await asyncio.gather(*again)]

    refused, answered = asyncio.run(all_at_once())
    assert [answer.status_code for answer in answered] == [200] * (2 * places + 1)
    for answer in refused:
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert int(answer.headers["Retry-After"]) > 0


def test_the_time_of_a_slow_request_counts_from_its_arrival(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The handler's own limit, which begins in the thread, gives back nothing of the wait."""
    found: list[float] = []

    @endpoint(slow=lambda _: True, needs=AppRole.READER)
    def examine(req: func.HttpRequest) -> func.HttpResponse:
        found.append(left())
        return reply_document({})

    monkeypatch.setattr("triggers.app.SLOW_SECONDS", 0.0)
    asyncio.run(as_coroutine(examine, _requests(examine))(req=request("a")))
    assert found[0] <= 0


@pytest.mark.parametrize(("query", "limit"), [("", SECONDS), ("plan=true", SLOW_SECONDS)])
def test_every_request_ends_before_the_platform_or_the_command_line_ends_it(
    query: str, limit: float
) -> None:
    found: list[float] = []

    @endpoint("plan", slow=lambda req: "plan" in req.url, needs=AppRole.READER)
    def look(req: func.HttpRequest) -> func.HttpResponse:
        found.append(left())
        return reply_document({})

    look(request("x", query))
    assert 0 < found[0] <= limit < min(PLATFORM_SECONDS, TIMEOUT[1])


class Hanging(grpc.GenericRpcHandler):
    """A backend that accepts every call and answers none before the test ends."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.calls = 0

    def service(self, handler_call_details: Any) -> Any:
        def hang(_: bytes, __: grpc.ServicerContext) -> bytes:
            self.calls += 1
            self.over.wait()
            return b""

        return grpc.unary_unary_rpc_method_handler(hang)


@pytest.fixture
def hanging() -> Any:
    backend = Hanging()
    server = grpc.server(ThreadPoolExecutor(8), handlers=[backend])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = SyncDurableFunctionsClient(f'{{"rpcBaseUrl": "http://127.0.0.1:{port}"}}')
    yield SimpleNamespace(client=client, backend=backend)
    backend.over.set()
    client.close()
    server.stop(None)


CALLS: dict[str, Any] = {
    "status": lambda engine: engine.status("demo-000001"),
    "custom_status": lambda engine: engine.custom_status("demo-000001"),
    "start": lambda engine: engine.start("reconcile_cluster", "demo-000001", {}),
    "raise_event": lambda engine: engine.raise_event("demo-000001", "cancel", ""),
    "purge": lambda engine: engine.purge("demo-000001"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_backend_that_hangs_is_unavailable_after_the_deadline(
    hanging: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 1.0)
    with pytest.raises(EngineAwayError, match="DEADLINE_EXCEEDED"):
        CALLS[name](DurableEngine(hanging.client))


def test_a_channel_that_the_client_makes_again_has_the_deadline_too(
    hanging: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 1.0)
    engine = DurableEngine(hanging.client)
    first = hanging.client._channel
    hanging.client._maybe_recreate_channel()
    assert hanging.client._channel is not first
    with pytest.raises(EngineAwayError, match="DEADLINE_EXCEEDED"):
        engine.status("demo-000001")


def test_a_client_is_limited_once_however_many_engines_use_it(hanging: Any) -> None:
    """One client serves the whole process."""
    engines = [DurableEngine(hanging.client) for _ in range(3)]
    kinds = [type(one) for one in hanging.client._interceptors]
    assert (kinds.count(deadline.Deadline), len(engines)) == (1, 3)


def test_no_page_of_the_list_is_asked_for_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hub may answer with further pages without end."""
    asked: list[int] = []

    class Endless(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            def page(_: bytes, __: grpc.ServicerContext) -> bytes:
                asked.append(1)
                token = wrappers_pb2.StringValue(value=str(len(asked)))
                return pb.QueryInstancesResponse(continuationToken=token).SerializeToString()

            return grpc.unary_unary_rpc_method_handler(page)

    def within(seconds: float) -> float:
        if len(asked) == 3:
            raise Transient("the time is over")
        return seconds

    monkeypatch.setattr(deadline, "within", within)
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Endless()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = SyncDurableFunctionsClient(f'{{"rpcBaseUrl": "http://127.0.0.1:{port}"}}')
    with pytest.raises(Transient, match="the time is over"):
        DurableEngine(client).ended_before(datetime.now(UTC))
    assert len(asked) == 3
    client.close()
    server.stop(None)


def test_no_call_begins_when_the_time_of_the_work_is_over(hanging: Any) -> None:
    with time_limit(0.5), pytest.raises(Transient, match="time"):
        DurableEngine(hanging.client).status("demo-000001")
    assert hanging.backend.calls == 0
