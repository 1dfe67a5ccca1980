"""The page that shows a run: static HTML without any data of a cluster, so it needs no key.

What it shows it asks the API for, with a key that is typed into it and kept in its memory alone
(docs/decisions/0016-view.md). Its files in `page/` are joined here into one document.
"""

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import azure.functions as func

from triggers.endpoint import endpoint
from triggers.requests import cluster_name

PAGE = Path(__file__).with_name("page")
# In this order: what a file uses stands before it.
STYLES = ("theme.css", "layout.css", "timeline.css", "nodes.css", "events.css")
SCRIPTS = (
    "elements.js",
    "times.js",
    "api.js",
    "poller.js",
    "summary.js",
    "failure.js",
    "bars.js",
    "timeline.js",
    "nodes.js",
    "rows.js",
    "events.js",
    "main.js",
)
IMPORT = re.compile(r"^import \{[^}]*\} from \"\./[a-z]+\.js\";\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:class|const|function) (\w+))", re.MULTILINE)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Page:
    """`policy`: the Content-Security-Policy that lets these bytes run and nothing else."""

    html: str
    policy: str


# The page takes the query out of the address bar, where somebody may have put a key.
@endpoint(others=True)
def get_view(req: func.HttpRequest) -> func.HttpResponse:
    """The same document for every cluster: it reads the name from its own address."""
    cluster_name(req)
    page = make_page()
    return func.HttpResponse(
        page.html,
        mimetype="text/html",
        headers=HEADERS | {"Content-Security-Policy": page.policy},
    )


@functools.cache
def make_page() -> Page:
    """One document; styles and scripts are in it, and the policy names them by their hashes."""
    style = "\n".join(_read(name) for name in STYLES)
    script = "".join(_scope(_read(name)) for name in SCRIPTS)
    html = _read("page.html").replace("/* styles */", style).replace("/* scripts */", script)
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        # Text from the API can become nothing but text: the browser itself refuses the rest.
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return Page(html, "; ".join(f"{name} {value}" for name, value in rules.items()))


def _scope(module: str) -> str:
    """A module's text as a block that gives what it exports: nothing else of it is seen outside."""
    names = ", ".join(EXPORT.findall(module))
    body = EXPORT.sub("", IMPORT.sub("", module))
    return f"const {{ {names} }} = (() => {{\n{body}return {{ {names} }};\n}})();\n"


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
