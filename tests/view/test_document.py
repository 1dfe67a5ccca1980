"""The document that is served: its own files, joined, and headers that close everything else."""

import base64
import hashlib
import re
from typing import Any

import azure.functions as func
import pytest

from cli.packaging.tree import read_files
from triggers.view import EXPORT, IMPORT, PAGE, SCRIPTS, STYLES, get_view, make_page

IMPORTED = re.compile(r"^import \{ ([^}]*) \} from \"\./([a-z]+\.js)\";$", re.MULTILINE)


def asked(name: str) -> Any:
    handler: Any = get_view
    url = f"https://slipway.example/api/clusters/{name}/view"
    return handler(func.HttpRequest("GET", url, route_params={"name": name}, body=b""))


def test_every_file_of_the_page_is_in_it_and_small_enough_to_read() -> None:
    there = {path.name for path in PAGE.iterdir()}
    assert there == {"page.html", *STYLES, *SCRIPTS}
    for name in there:
        assert len((PAGE / name).read_text(encoding="utf-8").splitlines()) <= 250, name


def test_every_file_of_the_page_is_in_the_package() -> None:
    packed = {file.path for file in read_files("HEAD")}
    assert {f"triggers/page/{path.name}" for path in PAGE.iterdir()} <= packed


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_only_what_one_before_it_exports(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    for names, source in IMPORTED.findall(text):
        assert SCRIPTS.index(source) < SCRIPTS.index(name)
        exported = EXPORT.findall((PAGE / source).read_text(encoding="utf-8"))
        assert set(names.split(", ")) <= set(exported)
    # Each line that imports or exports is one that the joining understands.
    left = EXPORT.sub("", IMPORT.sub("", text))
    assert re.findall(r"^\s*(?:import|export)\b.*", left, re.MULTILINE) == []


def test_the_document_needs_nothing_from_elsewhere() -> None:
    html = make_page().html
    addresses = set(re.findall(r"https?://[^\s'\"]+", html))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    # Links lead into the page itself.
    assert all(
        found.startswith(("data:", "#")) for found in re.findall(r"(?:src|href)=\"([^\"]*)", html)
    )
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", html)
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", html)
    assert not re.search(r"\sstyle=|\son[a-z]+=", html)


def test_the_policy_names_exactly_this_style_and_this_script() -> None:
    page = make_page()
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(f'<{tag}(?: type="module")?>(.*?)</{tag}>', page.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in page.policy
    assert "unsafe" not in page.policy
    assert page.policy.startswith("default-src 'none';")


def test_the_same_bytes_for_every_cluster_and_kept_by_nobody() -> None:
    one, other = asked("demo"), asked("another-one")
    assert one.get_body() == other.get_body()
    assert (one.status_code, one.mimetype) == (200, "text/html")
    assert one.headers["Cache-Control"] == "no-store"
    assert one.headers["Referrer-Policy"] == "no-referrer"
    assert one.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in one.headers["Content-Security-Policy"]


def test_a_name_that_no_cluster_can_have_gets_no_page() -> None:
    answer = asked("<script>")
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
