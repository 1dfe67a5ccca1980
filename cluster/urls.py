"""The one form of URL that a spec may hold."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https URL")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is not a number from 0 to 65535") from None
    if parts.username or parts.password:
        raise ValueError("contains credentials, which would appear in records and logs")
    if parts.query or parts.fragment:
        raise ValueError("contains a query or fragment (a SAS token is a credential)")
    if re.search(r"[\s'\"\\`$;{}<>|]", value):
        raise ValueError("contains characters that are not allowed in a URL")
    return value.rstrip("/")


Url = Annotated[str, StringConstraints(max_length=512), AfterValidator(_url)]
