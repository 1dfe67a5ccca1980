"""The command line with tokens: from `az`, as people and pipelines have it, to the real app."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.api import Api
from cli.targets import Target
from dev.paths import ROOT
from lab.testing.standins import (
    CLIENT_ID,
    TENANT,
    FederatedIdentity,
    Holder,
    SigningKey,
    tls_front,
)
from tests.http.conftest import App
from tests.http.people import EVE, OPERATOR, READER, ROBOT

AZ = """#!{python}
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
token = here / "token"
if not token.exists():
    sys.exit("ERROR: Please run 'az login' to setup account.\\x1b[31m")
seconds = int((here / "seconds").read_text())
print(json.dumps({{"accessToken": token.read_text(), "expires_on": int(time.time()) + seconds}}))
"""


class Desk:
    """A place with an `az` that is signed in as somebody, or as nobody."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        (folder / "az").write_text(AZ.format(python=sys.executable))
        (folder / "az").chmod(0o755)
        self.sign_in(None)

    def sign_in(self, who: Holder | None, seconds: int = 3600) -> None:
        (self.folder / "token").unlink(missing_ok=True)
        (self.folder / "seconds").write_text(str(seconds))
        if who:
            (self.folder / "token").write_text(self.app.azure.issuer.token(who))

    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *argv: str, **more: str) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLIPWAY_", "AZURE_"))}
        wanted = {
            "PATH": f"{self.folder}:{kept['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SLIPWAY_URL": self.app.url,
            "SLIPWAY_CLIENT_ID": CLIENT_ID,
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "cli", *argv],
            env=kept | wanted | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def desk(guarded: App, tmp_path: Path) -> Desk:
    return Desk(guarded, tmp_path)


def test_login_says_what_to_compare_and_asks_for_no_token_before(desk: Desk) -> None:
    """The app's own word must not choose the API whose token is sent to it."""
    desk.sign_in(READER)
    for wrong in ("", "99999999-9999-9999-9999-999999999999"):
        done = desk.run("login", SLIPWAY_CLIENT_ID=wrong)
        assert done.returncode == 2
        for text in (f"az login --tenant {TENANT}", f"export SLIPWAY_CLIENT_ID={CLIENT_ID}"):
            assert text in done.stderr
    assert desk.asked() == []


@pytest.mark.parametrize("wrong", ["https://management.azure.com", "x/.default", "*"])
def test_no_token_is_asked_for_another_kind_of_audience(desk: Desk, wrong: str) -> None:
    desk.sign_in(READER)
    done = desk.run("get", SLIPWAY_CLIENT_ID=wrong)
    assert (done.returncode, "SLIPWAY_CLIENT_ID" in done.stderr) == (2, True)
    assert desk.asked() == []


def test_whoever_is_signed_in_reads_with_a_token_of_az(desk: Desk) -> None:
    desk.sign_in(READER)
    done = desk.run("login", "--json")
    assert json.loads(done.stdout) == {
        "access": "tokens",
        "name": "rita@example.org",
        "roles": ["Reader"],
    }
    assert desk.run("get", "--json").returncode == 0
    scope = f"account get-access-token --scope api://{CLIENT_ID}/.default --output json"
    assert desk.asked() == [scope, scope]


def test_whoever_is_not_signed_in_is_told_how(desk: Desk) -> None:
    done = desk.run("get")
    assert done.returncode == 2
    assert "az login" in done.stderr
    assert "\x1b" not in done.stderr


def test_without_az_the_command_says_what_is_missing(desk: Desk) -> None:
    done = desk.run("get", PATH="/nowhere")
    assert (done.returncode, "'az' is not installed" in done.stderr) == (2, True)


def test_a_role_that_is_missing_is_named(desk: Desk) -> None:
    desk.sign_in(EVE)
    done = desk.run("login")
    assert (done.returncode, "this needs the role Reader" in done.stderr) == (2, True)
    desk.sign_in(READER)
    done = desk.run("delete", "some", "--yes")
    assert (done.returncode, "this needs the role Operator" in done.stderr) == (2, True)


@pytest.mark.parametrize(("seconds", "times"), [(60, 3), (3600, 1)])
def test_a_token_that_ends_soon_is_replaced_within_one_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, seconds: int, times: int
) -> None:
    """`apply` follows a run for longer than a token lasts."""
    desk.sign_in(OPERATOR, seconds)
    monkeypatch.setenv("PATH", f"{desk.folder}:{os.environ['PATH']}")
    api = Api(Target(desk.app.url, "", client_id=CLIENT_ID))
    for _ in range(3):
        api.clusters()
    assert len(desk.asked()) == times


def test_a_function_key_alone_is_refused_with_the_way_to_sign_in(desk: Desk) -> None:
    done = desk.run("get", SLIPWAY_CLIENT_ID="", SLIPWAY_KEY="function-key")
    assert done.returncode == 2
    assert "slipway login" in done.stderr


PIPELINE = FederatedIdentity(
    ROBOT,
    "https://token.actions.githubusercontent.com",
    "repo:team/clusters:environment:slipway-use",
    SigningKey(),
)

type Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def pipeline(desk: Desk) -> Iterator[Run]:
    """Runs a command as a pipeline does, with its own token in a file and without `az`:
    azure-identity exchanges it at the tenant, over TLS and under Entra ID's host name."""
    desk.app.azure.issuer.federated[ROBOT.object_id] = PIPELINE

    def run(*argv: str, **changes: Any) -> "subprocess.CompletedProcess[str]":
        (desk.folder / "own-token").write_text(PIPELINE.assertion(**changes))
        return desk.run(
            *argv,
            AZURE_FEDERATED_TOKEN_FILE=str(desk.folder / "own-token"),
            AZURE_CLIENT_ID=ROBOT.object_id,
            AZURE_TENANT_ID=TENANT,
            HTTPS_PROXY=proxy,
            NO_PROXY="127.0.0.1",
            REQUESTS_CA_BUNDLE=str(desk.folder / "ca.pem"),
        )

    with tls_front(desk.app.azure_url, desk.folder) as proxy:
        yield run
    desk.app.azure.issuer.federated.clear()


def test_a_pipelines_federated_identity_acts_within_its_role(desk: Desk, pipeline: Run) -> None:
    done = pipeline("login", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["roles"] == ["Operator"]
    done = pipeline("cancel", "prod-1")
    assert "your role does not cover cluster 'prod-1'" in done.stderr
    assert desk.asked() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "repo:team/clusters:environment:slipway-deploy"},
        {"sub": "repo:evil/clusters:environment:slipway-use"},
        {"aud": "https://management.azure.com"},
        {"exp": 1_700_000_000},
    ],
)
def test_a_pipeline_that_is_not_the_registered_one_gets_no_token(
    pipeline: Run, changes: dict[str, Any]
) -> None:
    done = pipeline("get", **changes)
    assert (done.returncode, "AADSTS700213" in done.stderr) == (2, True), done.stderr


def test_an_identity_that_the_variables_describe_badly_is_named(desk: Desk) -> None:
    """The variables of a workload identity are taken before `az`."""
    desk.sign_in(READER)
    missing = str(desk.folder / "nothing")
    done = desk.run("get", AZURE_FEDERATED_TOKEN_FILE=missing, AZURE_CLIENT_ID=CLIENT_ID)
    assert (done.returncode, "AZURE_*" in done.stderr) == (2, True)
    assert desk.asked() == []
