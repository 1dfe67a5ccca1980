"""The option --debug: prints the requests that a command makes, without secrets."""

import sys

import requests

from cli.text import clean

# Headers by which the platform's logs name a request. No other header is printed.
SHOWN = ("Content-Type", "Content-Length", "Retry-After", "Location", "Request-Context", "Date")


def print_exchange(response: requests.Response) -> None:
    """Prints a request and its answer to standard error. Headers of the request are named without
    their values, because keys and tokens are in them; bodies are not printed."""
    request = response.request
    size = len(request.body or b"")
    names = ", ".join(sorted(request.headers))
    seconds = response.elapsed.total_seconds()
    lines = [f"> {request.method} {request.url}", f">   {size} bytes; headers: {names}"]
    lines.append(f"< {response.status_code} in {seconds:.3f} s, {len(response.content)} bytes")
    lines += [f"<   {name}: {response.headers[name]}" for name in SHOWN if name in response.headers]
    print("\n".join(map(clean, lines)), file=sys.stderr)
