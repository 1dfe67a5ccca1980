"""Azure Resource Manager without a service's SDK, since each SDK slows down a cold start."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

from clients.azure.errors import azure_errors
from clients.azure.transport import MANAGEMENT, arm_options, management_url
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings

type Document = dict[str, Any]


class Management:
    """Requests by path, through the same pipeline as the SDK's clients. Every method may raise
    Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.subscription = f"/subscriptions/{settings.subscription_id}"

    @locked_cached_property
    def _client(self) -> Any:
        from azure.mgmt.core import ARMPipelineClient

        return cast(Any, ARMPipelineClient)(MANAGEMENT, **arm_options(self._settings))

    def call(self, method: str, path: str, version: str, **options: str) -> Document:
        """The answer's document, empty if there is none. `options`: query options ($filter, …)."""
        return self._send(method, _url(path, version, options))

    def pages(self, path: str, version: str, **options: str) -> Iterator[Document]:
        """Every item of a list, over all pages."""
        page = self._send("GET", _url(path, version, options))
        while True:
            yield from items(page, "value")
            following = page.get("nextLink")
            if not following:
                return
            page = self._send("GET", management_url(str(following)))

    def follow(self, url: str) -> tuple[int, Document]:
        """The status and the document of an operation's URL, which ARM named."""
        return self._request("GET", url, "the operation")

    def _send(self, method: str, url: str) -> Document:
        what = url.partition("?")[0].rpartition("/providers/")[2].partition("/")[2]
        return self._request(method, url, what)[1]

    def _request(self, method: str, url: str, what: str) -> tuple[int, Document]:
        from azure.core.rest import HttpRequest

        with azure_errors(what):
            response = self._client.send_request(HttpRequest(method, url))
            response.raise_for_status()
            return response.status_code, response.json() if response.content else {}


def _url(path: str, version: str, options: dict[str, str]) -> str:
    query = "".join(f"${name}={quote(value)}&" for name, value in options.items())
    return f"{MANAGEMENT}{path}?{query}api-version={version}"


def part(holder: Document, key: str) -> Document:
    """An object that an answer may leave out."""
    return cast(Document, holder.get(key) or {})


def items(holder: Document, key: str) -> list[Document]:
    """A list that an answer may leave out."""
    return cast(list[Document], holder.get(key) or [])
