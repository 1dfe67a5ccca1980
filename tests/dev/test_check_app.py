"""The script that the deploying pipelines end with, against an app that is played: `az` and `sleep`
are played too; curl, jq and the command line are real, but without TLS."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from lab.testing.serving import serving

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples/pipelines/check-app.sh"
KEY = "the-function-key"
FUNCTIONS = ["put_cluster", "reconcile_cluster"]
AZ = """#!/bin/sh
case "$1 $2 $3" in
"resource show "*) echo "$HOST" ;;
"functionapp keys list") echo "$KEY" ;;
"account get-access-token --scope")
    printf '{"accessToken": "%s", "expires_on": 4000000000}' "$TOKEN" ;;
"functionapp function list") printf "app/%s\\n" $LISTED ;;
*) exit 9 ;;
esac
"""

type Answers = Callable[[Request], Response]
type Check = Callable[..., subprocess.CompletedProcess[str]]


class Silent(WSGIRequestHandler):
    """Without a line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Runs the script where `./slipway` is this command line."""
    programs = tmp_path / "bin"
    programs.mkdir()
    slipway = f'SLIPWAY_URL=${{SLIPWAY_URL/https:/http:}} exec {sys.executable} -P -m dev "$@"'
    for path, text in (
        (programs / "az", AZ),
        (programs / "sleep", "#!/bin/sh\n"),
        (programs / "curl", f'#!/bin/bash\nexec {shutil.which("curl")} "${{@/https:/http:}}"\n'),
        (
            tmp_path / "slipway",
            f"#!/bin/bash\nSLIPWAY_URL=${{SLIPWAY_URL/https:/http:}} {slipway}\n",
        ),
    ):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    (tmp_path / "package.json").write_text(
        json.dumps({"functions": [*FUNCTIONS, "BuiltIn__Http"]}), encoding="utf-8"
    )

    def run(
        answers: Answers, listed: list[str] | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        with serving(answers, Silent) as url:
            return subprocess.run(
                [str(SCRIPT), "group", "app", "package.json"],
                cwd=tmp_path,
                env={
                    **os.environ,
                    "PATH": f"{programs}:{os.environ['PATH']}",
                    "PYTHONPATH": str(ROOT),
                    "HOST": url.removeprefix("http://"),
                    "KEY": KEY,
                    "TRIES": "12",
                    "LISTED": " ".join(FUNCTIONS if listed is None else listed),
                    **more,
                },
                capture_output=True,
                text=True,
                check=False,
            )

    return run


def sound(request: Request) -> Response:
    if request.headers.get("x-functions-key") != KEY:
        return Response(status=401)
    return Response(json.dumps({"clusters": []}), 200, content_type="application/json")


def with_tokens(request: Request) -> Response:
    if (
        request.headers.get("authorization") != "Bearer a.b.c"
        or "x-functions-key" in request.headers
    ):
        return Response(status=401)
    return Response(json.dumps({"clusters": []}), 200, content_type="application/json")


def not_loaded(request: Request) -> Response:
    """As the Functions host answers for an app that it could not load."""
    return Response(status=200 if request.path == "/admin/host/ping" else 404)


def test_an_app_that_answers_and_lists_its_functions_passes(
    check: Check,
) -> None:
    done = check(sound)
    assert done.returncode == 0, done.stderr
    assert "all 2 functions" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_an_app_that_takes_tokens_is_asked_with_one_and_no_key_is_read(check: Check) -> None:
    client_id = "33333333-3333-3333-3333-333333333333"
    done = check(with_tokens, SLIPWAY_CLIENT_ID=client_id, TOKEN="a.b.c")
    assert done.returncode == 0, done.stderr
    assert check(with_tokens).returncode != 0


def test_an_app_that_starts_late_passes(
    check: Check,
) -> None:
    asked: list[str] = []

    def late(request: Request) -> Response:
        asked.append(request.path)
        return (
            Response(status=(503, 404, 502)[len(asked) % 3]) if len(asked) < 6 else sound(request)
        )

    assert check(late).returncode == 0


def test_an_app_that_did_not_load_fails_with_how_its_cause_is_seen(
    check: Check,
) -> None:
    done = check(not_loaded)
    assert done.returncode == 5
    assert "answered 404, not 401" in done.stderr
    assert "the app did not load" in done.stderr
    assert "AzureFunctionsJobHost__logging__logLevel__Microsoft=Debug" in done.stderr


def test_an_earlier_version_that_answers_for_a_moment_does_not_pass_for_the_new_one(
    check: Check,
) -> None:
    asked: list[str] = []

    def replaced(request: Request) -> Response:
        asked.append(request.path)
        return sound(request) if len(asked) < 4 else not_loaded(request)

    assert check(replaced).returncode == 5


def test_an_app_that_answers_without_a_key_fails(
    check: Check,
) -> None:
    done = check(lambda _: Response(json.dumps({"clusters": []}), content_type="application/json"))
    assert done.returncode == 1
    assert "answered 200, not 401" in done.stderr


def test_a_page_in_place_of_a_document_fails(
    check: Check,
) -> None:
    def page(request: Request) -> Response:
        refused = request.headers.get("x-functions-key") != KEY
        return Response(status=401) if refused else Response("<html>", content_type="text/html")

    done = check(page)
    assert done.returncode == 1
    assert "not Slipway's API" in done.stderr


def test_functions_that_the_host_does_not_list_are_named(
    check: Check,
) -> None:
    done = check(sound, ["put_cluster"])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "reconcile_cluster"
