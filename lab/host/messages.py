"""The messages between the Functions host and Microsoft's worker library, as plain objects.

The library creates its responses from the classes that it receives as `protos`, and reads requests
by attribute. In Azure these are protobuf messages of the worker's gRPC stream; here no stream is
needed. Names and fields are those of the protocol (FunctionRpc.proto).
"""

from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import quote


class Message(SimpleNamespace):
    """An object with the given fields. In a `oneof` message, exactly one field is given."""

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 -- protobuf's name
        return next(iter(vars(self)), None)


class StatusResult(Message):
    Failure, Success = 0, 1


class BindingInfo(Message):
    """The direction and data type of a binding, as protobuf numbers."""

    out, inout, undefined = 1, 2, 0


class RpcHttpCookie(Message):
    SameSite: ClassVar[Any] = SimpleNamespace(Lax=1, Strict=2, ExplicitNone=3, **{"None": 0})


class Protos:
    """The classes that the library instantiates, by protobuf name."""

    BindingInfo, RpcHttpCookie, StatusResult = BindingInfo, RpcHttpCookie, StatusResult
    FunctionEnvironmentReloadResponse = FunctionLoadResponse = Message
    FunctionMetadataResponse = InvocationResponse = Message
    NullableBool = NullableDouble = NullableString = NullableTimestamp = Message
    ParameterBinding = RpcException = RpcFunctionMetadata = RpcHttp = RpcRetryOptions = Message
    TypedData = WorkerInitResponse = WorkerMetadata = Message


def request(name: str, **fields: Any) -> Any:
    """Returns a request for the library's handlers. `name` is the field of the stream's message."""
    message = Message(**{name: Message(**fields)})
    return Message(request=message, properties={"protos": Protos, "host": "127.0.0.1"})


def parameter(name: str, **data: Any) -> Message:
    """Returns the value of one parameter. `data` is one field of TypedData."""
    return _Parameter(name=name, data=Message(**data))


class _Parameter(Message):
    def WhichOneof(self, _: str) -> str:  # noqa: N802 -- protobuf's name
        return "data"


def invocation(function_id: str, number: str, inputs: list[Message], trace_parent: str) -> Any:
    """Returns the request for one function call, in the trace that the host created for it."""
    return request(
        "invocation_request",
        invocation_id=number,
        function_id=function_id,
        input_data=inputs,
        trigger_metadata={},
        trace_context=Message(trace_parent=trace_parent, trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )


def set_cookie(cookie: Any) -> str:
    """Returns a cookie of a response as the header that the host makes of it.

    The host encodes the value, and leaves out a SameSite of `None` (0).
    """
    parts = [f"{cookie.name}={quote(cookie.value, safe='')}"]
    if cookie.max_age is not None:
        parts.append(f"max-age={int(cookie.max_age.value)}")
    parts.append(f"path={cookie.path.value or '/'}")
    parts += ["secure"] if cookie.secure.value else []
    parts += {1: ["samesite=lax"], 2: ["samesite=strict"], 3: ["samesite=none"]}.get(
        cookie.same_site, []
    )
    return "; ".join([*parts, *(["httponly"] if cookie.http_only.value else [])])
