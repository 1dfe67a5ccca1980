"""The wire below the SDK's clients: only to the loopback, only for Azure, and not for long."""

import socket
import threading
import time
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest
from werkzeug.wrappers import Request, Response

from clients.azure import limited_transport, transport
from clients.azure.arm import ResourceGroups
from clients.azure.limited_transport import CONNECT_SECONDS, READ_SECONDS
from clients.azure.loopback import LoopbackTransport
from clients.azure.retries import NoSleepRetryPolicy
from clients.errors import Refused, Transient
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings
from clients.time_limit import time_limit
from lab.testing.serving import serving
from tests.clients.conftest import SUBSCRIPTION, VAULT, Script

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/demo-rg"


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:8080",
        "http://localhost:8080",
        "http://10.0.0.4:8080",
        "http://127.0.0.1.example.org:8080",
        "http://127.0.0.1:8080@example.org",
        "http://127.0.0.1",
        "",
    ],
)
def test_the_loopback_is_this_machine_and_nothing_else(server: str) -> None:
    with pytest.raises(Refused, match="NotLoopback"):
        LoopbackTransport(server)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/x",
        "https://management.azure.com.example.org/x",
        "https://notmanagement.azure.com/x",
        "https://vault.azure.net/x",
        "https://slipway.vault.azure.net@example.org/x",
    ],
)
def test_a_host_that_is_not_azures_is_refused_and_nothing_is_sent(
    url: str, settings: Settings, script: Script
) -> None:
    request = HttpRequest("GET", url)
    with pytest.raises(Refused, match="NotAzure"):
        LoopbackTransport(settings.loopback).send(request)
    assert script.asked == []
    assert request.url == url


def test_the_real_host_is_sent_in_the_request_and_the_url_is_restored() -> None:
    seen: list[Request] = []

    def app(request: Request) -> Response:
        seen.append(request)
        return Response("ok")

    request = HttpRequest("GET", "https://slipway-demo.vault.azure.net/secrets/a%2Fb?x=1&y=2")
    with serving(app) as url, LoopbackTransport(url) as wire:
        assert wire.send(request).status_code == 200
    assert seen[0].headers["X-Forwarded-Host"] == "slipway-demo.vault.azure.net"
    assert seen[0].environ["RAW_URI"] == "/secrets/a%2Fb?x=1&y=2"
    assert request.url == "https://slipway-demo.vault.azure.net/secrets/a%2Fb?x=1&y=2"


def test_the_url_is_restored_when_nobody_answers_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    request = HttpRequest("GET", "https://management.azure.com/x")
    with LoopbackTransport(f"http://127.0.0.1:{port}") as wire, pytest.raises(ServiceRequestError):
        wire.send(request)
    assert request.url == "https://management.azure.com/x"


def test_a_proxy_of_the_environment_is_not_asked_for_the_loopback(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    script.on("GET", GROUP, (200, {"name": "demo-rg", "location": "westeurope"}))
    assert ResourceGroups(settings).exists("demo-rg")


def test_a_service_that_is_silent_is_asked_once(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def silent(_: Request) -> Response:
        over.wait(5)
        return Response("late")

    script.on("GET", GROUP, silent)
    monkeypatch.setattr(limited_transport, "READ_SECONDS", 0.2)
    transport._transport.cache_clear()
    with pytest.raises(Transient, match="Timeout"):
        ResourceGroups(settings).get("demo-rg")
    over.set()
    transport._transport.cache_clear()
    assert len(script.asked) == 1


def test_a_connection_that_breaks_is_tried_again(settings: Settings, script: Script) -> None:
    def hang_up(request: Request) -> Response:
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response("never seen")

    found = (200, {"name": "demo-rg", "location": "westeurope"})
    script.on("GET", GROUP, hang_up, hang_up, found)
    assert ResourceGroups(settings).exists("demo-rg")
    assert len(script.asked) == 3
    script.on("GET", GROUP, hang_up)
    with pytest.raises(Transient):
        ResourceGroups(settings).exists("demo-rg")


def test_an_answer_that_is_cut_off_is_a_matter_of_coming_again(
    settings: Settings, script: Script
) -> None:
    script.on("GET", GROUP, Response('{"name": "de', 200, mimetype="application/json"))
    with pytest.raises(Transient):
        ResourceGroups(settings).get("demo-rg")


def test_all_tries_of_one_call_are_over_within_a_minute() -> None:
    """Reading is the longest of them, and happens once; pauses are the policy's own."""
    policy: RetryPolicy[Any, Any] = NoSleepRetryPolicy(retry_total=99, retry_backoff_max=99)
    tries = policy.total_retries + 1
    pauses = policy.total_retries * policy.backoff_max
    assert tries * CONNECT_SECONDS + pauses + READ_SECONDS < 60


def test_a_request_waits_no_longer_than_its_activity_may(
    settings: Settings, script: Script
) -> None:
    over = threading.Event()

    def silent(_: Request) -> Response:
        over.wait(20)
        return Response("late")

    script.on("GET", GROUP, silent)
    with time_limit(1.5), pytest.raises(Transient, match="Timeout"):
        ResourceGroups(settings).get("demo-rg")
    over.set()


def test_no_request_is_sent_when_the_time_of_an_activity_is_over(
    settings: Settings, script: Script
) -> None:
    with time_limit(0.0), pytest.raises(Transient, match="the next execution continues"):
        ResourceGroups(settings).get("demo-rg")
    assert script.asked == []


def test_one_transport_serves_all_clients_of_a_process(settings: Settings) -> None:
    assert transport.transport_of(settings) is transport.transport_of(settings)
    azure = Settings(SUBSCRIPTION, VAULT, "")
    assert not isinstance(transport.transport_of(azure), LoopbackTransport)


def test_what_is_made_once_is_made_once_by_many_threads() -> None:
    class Holder:
        made = 0

        @locked_cached_property
        def value(self) -> int:
            time.sleep(0.01)
            type(self).made += 1
            return type(self).made

    holder = Holder()
    threads = [threading.Thread(target=lambda: holder.value) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (holder.value, Holder().value) == (1, 2)


def test_what_could_not_be_made_is_tried_again_at_the_next_look() -> None:
    class Holder:
        tries = 0

        @locked_cached_property
        def value(self) -> str:
            type(self).tries += 1
            if type(self).tries == 1:
                raise Transient("not yet")
            return "made"

    holder = Holder()
    with pytest.raises(Transient):
        _ = holder.value
    assert holder.value == "made"
