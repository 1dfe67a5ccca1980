"""The document and the modules as they are served: headers, policy, addresses, versions."""

import base64
import hashlib
import re
from typing import Any

import azure.functions as func
import pytest

from dev.packaging.tree import read_files
from triggers.view import MAIN, PAGE, STYLES, get_view, get_view_module, make_document, read_modules

MODULES = read_modules()


def get_document(name: str, end: str = "") -> Any:
    handler: Any = get_view
    url = f"https://slipway.example/api/clusters/{name}/view{end}"
    return handler(func.HttpRequest("GET", url, route_params={"name": name}, body=b""))


def get_module(module: str, version: str = MODULES.version) -> Any:
    handler: Any = get_view_module
    url = f"https://slipway.example/api/view/{version}/{module}"
    parameters = {"version": version, "module": module}
    return handler(func.HttpRequest("GET", url, route_params=parameters, body=b""))


def test_every_file_of_the_page_is_served_and_small_enough_to_read() -> None:
    """But for the types, which are read by the type checker only."""
    names = {path.name for path in PAGE.iterdir()}
    assert names == {"page.html", "types.d.ts", *STYLES, *MODULES.texts}
    for name in names:
        assert len((PAGE / name).read_text(encoding="utf-8").splitlines()) <= 250, name


def test_every_file_of_the_page_is_in_the_package() -> None:
    packed = {file.path for file in read_files("HEAD")}
    assert {f"triggers/page/{path.name}" for path in PAGE.iterdir()} <= packed


@pytest.mark.parametrize("name", [*MODULES.texts])
def test_a_module_is_served_unchanged_and_cacheable_for_ever(name: str) -> None:
    answer = get_module(name)
    assert answer.status_code == 200
    assert answer.get_body() == (PAGE / name).read_bytes()
    assert (answer.mimetype, answer.charset) == ("text/javascript", "utf-8")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("module", "version"),
    [
        (MAIN, "0" * 16),
        (MAIN, ""),
        (MAIN, MODULES.version.upper() + "x"),
        ("other.mjs", MODULES.version),
        ("page.html", MODULES.version),
        ("theme.css", MODULES.version),
        ("../view.py", MODULES.version),
        ("..%2Fview.py", MODULES.version),
        ("/etc/passwd", MODULES.version),
    ],
)
def test_no_other_file_and_no_other_version_is_served(module: str, version: str) -> None:
    answer = get_module(module, version)
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_changed_module_has_another_address(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.view.PAGE", tmp_path)
    versions = set()
    for names in (("a", "b"), ("b", "a"), ("ab", "")):
        for name, text in zip(("one.mjs", "two.mjs"), names, strict=True):
            (tmp_path / name).write_text(text, encoding="utf-8")
        versions.add(read_modules.__wrapped__().version)
    assert len(versions) == 3


def test_the_document_asks_for_every_module_at_once() -> None:
    html = make_document(2).html
    base = f"../../view/{MODULES.version}/"
    preloads = re.findall(r'<link rel="modulepreload" href="([^"]*)">', html)
    assert preloads == [base + name for name in sorted(MODULES.texts) if name != MAIN]
    assert re.findall(r"<script[^>]*>", html) == [f'<script type="module" src="{base}{MAIN}">']


def test_the_documents_address_may_end_with_a_slash() -> None:
    assert f'src="../../view/{MODULES.version}/' in get_document("demo").get_body().decode()
    assert f'src="../../../view/{MODULES.version}/' in get_document("demo", "/").get_body().decode()
    assert f'src="../../view/{MODULES.version}/' in get_document("demo", "?a=/").get_body().decode()


def test_the_document_needs_nothing_from_elsewhere() -> None:
    html = make_document(2).html
    every = "\n".join([html, *MODULES.texts.values()])
    addresses = set(re.findall(r"https?://[^\s'\"]+", every))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    for found in re.findall(r"(?:src|href)=\"([^\"]*)", html):
        assert found.startswith(("data:", "#", f"../../view/{MODULES.version}/")), found
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", every)
    assert not re.search(r"localStorage|indexedDB|document\.cookie", every)
    # A sign-in leaves the page and comes back (tests/view/test_sign_in.py).
    storing = {name for name, text in MODULES.texts.items() if "sessionStorage" in text}
    assert storing == {"signin.mjs"}
    assert not re.search(r"\sstyle=|\son[a-z]+=", html)


def test_the_policy_allows_this_style_and_the_apps_own_scripts_only() -> None:
    document = make_document(2)
    (style,) = re.findall("<style>(.*?)</style>", document.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = dict(rule.split(" ", maxsplit=1) for rule in document.policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'sha256-{digest}'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_the_document_is_the_same_for_every_cluster_and_is_not_cached() -> None:
    one, other = get_document("demo"), get_document("another-one")
    assert one.get_body() == other.get_body()
    assert (one.status_code, one.mimetype) == (200, "text/html")
    assert one.headers["Cache-Control"] == "no-store"
    assert one.headers["Referrer-Policy"] == "no-referrer"
    assert one.headers["X-Content-Type-Options"] == "nosniff"
    assert one.headers["Content-Security-Policy"] == make_document(2).policy


def test_a_name_that_no_cluster_can_have_gets_no_page() -> None:
    answer = get_document("<script>")
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
