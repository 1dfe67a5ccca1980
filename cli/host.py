"""Recognizes a server that answers in the app's place: a Functions host whose app did not load, or
another program.

Observed with Functions host 4.1037: if the app cannot be loaded, every route answers 404 without a
body or a content type, while `/admin/host/ping` answers 200. A host that cannot start answers 503
with `NOT_RUNNING` on every path. The app's own errors are problem documents.
"""

from urllib.parse import urlsplit

import requests

from cli.exits import CommandError, Exit

NOT_RUNNING = "Function host is not running"
PING, ROUTE = "/admin/host/ping", "/api/schema"
TIMEOUT = (5.0, 30.0)
AZURE_SUFFIX = ".azurewebsites.net"
CAUSE = (
    "read the cause in the host's log, which has it at level Debug only; afterwards remove the "
    "setting again"
)


class NotLoadedError(CommandError):
    """The Functions host responds, but serves no function of the app. `runs` is True if the host
    itself is running."""

    def __init__(self, text: str, url: str, *, runs: bool) -> None:
        self.seen, self.runs, self.command = text, runs, log_command(url)
        super().__init__(Exit.NOT_LOADED, f"{text}\n  {CAUSE}:\n  {self.command}")


def log_command(url: str) -> str:
    """Returns the command that makes the cause visible in the log. The resource group is unknown to
    a caller from outside."""
    host = urlsplit(url).hostname or ""
    app = host.removesuffix(AZURE_SUFFIX) if host.endswith(AZURE_SUFFIX) else "APP"
    setting = "AzureFunctionsJobHost__logging__logLevel__Microsoft=Debug"
    return f"az functionapp config appsettings set -g GROUP -n {app} --settings {setting}"


def is_stopped(response: requests.Response) -> bool:
    return response.status_code == 503 and NOT_RUNNING in response.text[:1000]


def is_no_route(response: requests.Response) -> bool:
    """Returns whether this is the host's own 404. Slipway's 404 has a problem document."""
    return response.status_code == 404 and not response.content


def stopped(url: str) -> NotLoadedError:
    return NotLoadedError(
        f"the Functions host at {url} is not running: host.json is refused, no extension bundle "
        "is in range, or AzureWebJobsStorage is missing or not reachable",
        url,
        runs=False,
    )


def no_route(session: requests.Session, url: str, path: str) -> CommandError:
    """Returns an error that says why the host has no such route. It requests a route that every
    version has, and the host's ping."""
    route = _ask(session, url + ROUTE)
    if route is not None and not is_no_route(route):
        text = f"the app has no {path}: publish this version of Slipway (docs/install.md, step 2)"
        return CommandError(Exit.REFUSED, text)
    ping = _ask(session, url + PING)
    if ping is not None and ping.ok:
        text = f"the Functions host at {url} runs, but the app did not load: no route answers"
        return NotLoadedError(text, url, runs=True)
    text = f"{url} is not Slipway's API, and no Functions host answers there: check SLIPWAY_URL"
    return CommandError(Exit.UNREACHABLE, text)


def _ask(session: requests.Session, url: str) -> requests.Response | None:
    try:
        return session.get(url, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException:
        return None
