"""Lists blobs with their metadata: one request for 5,000 of them.

The SDK's own listing makes an object with some fifty fields of each blob, which takes 20 times as
long as everything else: half a second for 2,000 blobs. So the answer is read here. The request goes
through the SDK's pipeline, with its credentials and retries. Source: Azure Storage, "List Blobs".
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET  # nosec B405

OK = 200


@dataclass(frozen=True)
class ListedBlob:
    """A blob of a listing.

    Attributes:
        md5: the digest of its content in hexadecimal, or "" if the service has none.
        modified: when its content or its metadata was last written.
    """

    name: str
    etag: str
    modified: datetime
    md5: str = ""
    metadata: dict[str, str] = field(default_factory=dict[str, str])


def list_blobs(container: Any, prefix: str, without: str, page: int = 5000) -> Iterator[ListedBlob]:
    """Yields the blobs of a container (an SDK's ContainerClient), in the order of their names.

    Args:
        without: a text. Blobs with it in their name after the prefix are left out; "": none. The
            service returns them as one prefix.

    Raises:
        HttpResponseError: as the SDK's own methods.
    """
    marker = ""
    while True:
        found = _page(container, prefix, without, marker, page)
        for blob in found.iterfind("Blobs/Blob"):
            yield _listed(blob)
        marker = found.findtext("NextMarker") or ""
        if not marker:
            return


def _page(container: Any, prefix: str, without: str, marker: str, page: int) -> ET.Element:
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    wanted = {"prefix": prefix, "delimiter": without, "marker": marker, "maxresults": str(page)}
    request = HttpRequest(
        "GET",
        container.url,
        params={"restype": "container", "comp": "list", "include": "metadata"}
        | {name: value for name, value in wanted.items() if value},
        headers={"x-ms-version": container.api_version, "Accept": "application/xml"},
    )
    response = container._pipeline.run(request).http_response
    content = response.read()
    if response.status_code != OK:
        error: Any = HttpResponseError(response=response)
        error.error_code = response.headers.get("x-ms-error-code")
        raise error
    # The storage account's own answer, which the SDK parses in the same way.
    return ET.fromstring(content)  # noqa: S314  # nosec B314


def _listed(blob: ET.Element) -> ListedBlob:
    named, properties = blob.find("Name"), blob.find("Properties")
    if named is None or properties is None:
        raise ValueError("a listed blob has no name or no properties")
    name = named.text or ""
    digest = properties.findtext("Content-MD5")
    metadata = blob.find("Metadata")
    return ListedBlob(
        # A name with characters that XML does not have is percent-encoded.
        name=unquote(name) if named.get("Encoded") == "true" else name,
        # The listing has it without the quotation marks of the header.
        etag='"{}"'.format((properties.findtext("Etag") or "").strip('"')),
        modified=parsedate_to_datetime(properties.findtext("Last-Modified") or ""),
        md5=base64.b64decode(digest).hex() if digest else "",
        metadata={one.tag: one.text or "" for one in metadata} if metadata is not None else {},
    )
