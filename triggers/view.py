"""The page that shows a run: static files without any data of a cluster, so they need no key.

The page requests all data from the API, with a key that the reader types into it and that stays in
its memory (docs/decisions/0016-view.md). The document contains the styles. Its scripts are ES
modules, served as they are in `page/` (docs/decisions/0029-page-modules.md).
"""

import base64
import functools
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import azure.functions as func

from clients.azure.entra import AUTHORITY
from cluster.access import AppRole
from triggers.access import access_settings
from triggers.endpoint import endpoint
from triggers.problems import ProblemError
from triggers.requests import cluster_name

PAGE = Path(__file__).with_name("page")
# The order matters: a later file overrides an earlier one.
STYLES = ("theme.css", "layout.css", "timeline.css", "nodes.css", "events.css")
MAIN = "main.mjs"
# The address of the modules, below the route prefix. The version is a hash of their names and
# contents, so a fetched module stays valid, and modules of two versions never mix.
MODULE_ROUTE = "view/{version}/{module}"

HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
DOCUMENT_HEADERS = HEADERS | {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
MODULE_HEADERS = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True)
class Document:
    """The HTML document and its Content-Security-Policy."""

    html: str
    policy: str


@dataclass(frozen=True)
class Modules:
    """The text of every module by its file name, and the version of them all."""

    texts: dict[str, str]
    version: str


# Other parameters are accepted and ignored: the page removes the query from the address bar,
# because somebody may have put a key there.
@endpoint(needs=AppRole.ANYONE, others=True)
def get_view(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the document. It is the same for every cluster and reads the name from its own
    address."""
    cluster_name(req)
    document = make_document(_levels_to_prefix(req.url), sign_in_origin())
    return _reply(document)


@endpoint(needs=AppRole.ANYONE, others=True)
def get_signed_in(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the same document at the address where a sign-in ends. Its scripts take the code from
    the query and go back to the page of the cluster."""
    del req
    return _reply(make_document(1, sign_in_origin()))


def sign_in_origin() -> str:
    """Returns the origin from which the page requests tokens, or "" if the API takes none."""
    found = access_settings()
    return (found.loopback or AUTHORITY) if found.reads_tokens else ""


def _reply(document: Document) -> func.HttpResponse:
    return func.HttpResponse(
        document.html,
        mimetype="text/html",
        headers=DOCUMENT_HEADERS | {"Content-Security-Policy": document.policy},
    )


@endpoint(needs=AppRole.ANYONE)
def get_view_module(req: func.HttpRequest) -> func.HttpResponse:
    """Returns one module of this app's version, or 404 for any other version."""
    modules = read_modules()
    text = modules.texts.get(req.route_params["module"])
    if text is None or req.route_params["version"] != modules.version:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "this app has no such module of the page",
            "The app may have been updated since the page was opened: reload the page.",
        )
    return func.HttpResponse(text, mimetype="text/javascript", headers=MODULE_HEADERS)


@functools.cache
def make_document(levels: int, sign_in: str = "") -> Document:
    """Returns the document. Its scripts send requests to the app and to `sign_in`.

    `levels` is the number of folders between the route prefix and the document's address. The
    addresses of the modules are relative, so the page works at any route prefix.
    """
    modules = read_modules()
    base = "../" * levels + f"view/{modules.version}/"
    style = "\n".join(_read(name) for name in STYLES)
    # Without preloads, the browser finds a module only after it has read the one that imports it.
    preloads = [
        f'<link rel="modulepreload" href="{base}{name}">' for name in modules.texts if name != MAIN
    ]
    script = f'<script type="module" src="{base}{MAIN}"></script>'
    html = _read("page.html").replace("/* styles */", style)
    html = html.replace("<!-- modules -->", "\n".join([*preloads, script]))
    rules = {
        "default-src": "'none'",
        # The app serves no other JavaScript; the API's answers are JSON.
        "script-src": "'self'",
        "style-src": _hash(style),
        "connect-src": f"'self' {sign_in}".strip(),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        # The browser refuses to treat text from the API as anything but text.
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return Document(html, "; ".join(f"{name} {value}" for name, value in rules.items()))


@functools.cache
def read_modules() -> Modules:
    names = sorted(path.name for path in PAGE.glob("*.mjs"))
    texts = {name: _read(name) for name in names}
    digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()
    return Modules(texts, digest[:16])


def _levels_to_prefix(url: str) -> int:
    """Returns the levels from the URL to the route prefix.

    The URL is clusters/NAME/view or clusters/NAME/view/: the host routes both to this function.
    """
    return 3 if urlsplit(url).path.endswith("/") else 2


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
