"""Why a request got no usable answer, in words."""

import requests


def reason(error: requests.RequestException) -> str:
    """Returns the innermost reason, without the library's wrapping; of an answer with an error, its
    status."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}".strip()
    if isinstance(error, requests.Timeout):
        return "it took too long"
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return str(getattr(inner, "strerror", "") or inner)
