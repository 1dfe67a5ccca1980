"""The durable client of a simulated engine: the real one, whose calls stay in the process."""

import logging
from collections.abc import Callable
from typing import Any

import grpc
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from durabletask.client import TaskHubGrpcClient

type Servicer = Any
# Called with the name of each method, the method and its request; returns the method's response.
type Passed = Callable[[str, Callable[[Any], Any], Any], Any]


class EngineError(grpc.RpcError):
    """What a method of the engine aborted with."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


class Aborting:
    """The part of a call's context that the engine's methods use."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise EngineError(code, details)


def call_directly(name: str, method: Callable[[Any], Any], request: Any) -> Any:
    del name
    return method(request)


class InProcessChannel(grpc.Channel):
    """Calls the methods of the engine without a port. `passed` comes between."""

    def __init__(self, servicer: Servicer, passed: Passed = call_directly) -> None:
        self._servicer, self.passed = servicer, passed

    def unary_unary(self, method: str, *_: Any, **__: Any) -> Any:
        return _Method(self, self._servicer, method.rpartition("/")[2])

    def unary_stream(self, method: str, *_: Any, **__: Any) -> Any:
        return _Method(self, self._servicer, method.rpartition("/")[2])

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(method)

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(method)

    def subscribe(self, callback: Any, try_to_connect: Any = None) -> None:
        """Reports nothing: the channel is always ready."""

    def unsubscribe(self, callback: Any) -> None:
        """Reports nothing: the channel is always ready."""

    def close(self) -> None:
        """Keeps nothing open."""

    def __enter__(self) -> "InProcessChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    def __init__(self, channel: InProcessChannel, servicer: Servicer, name: str) -> None:
        self._channel, self._servicer, self._name = channel, servicer, name

    def __call__(self, request: Any, *_: Any, **__: Any) -> Any:
        method = getattr(self._servicer, self._name)
        return self._channel.passed(self._name, lambda sent: method(sent, Aborting()), request)

    def with_call(self, request: Any, *_: Any, **__: Any) -> tuple[Any, None]:
        return self(request), None


def client_of(channel: InProcessChannel) -> TaskHubGrpcClient:
    """Returns a client with the settings that the binding of Azure Functions gives it."""
    return TaskHubGrpcClient(
        channel=channel,
        data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER,
        emit_trace_spans=False,
        logger=logging.getLogger("lab.simulation.client"),
    )
