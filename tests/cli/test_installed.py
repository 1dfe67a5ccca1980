"""The command line as a separate package: contents, dependencies, imports and output."""

import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from packaging.version import Version

from cli.exits import Exit
from cli.extras import ACCESS
from dev.paths import ROOT
from tests.cli.conversation import CLUSTER, KEY, Conversation, cluster
from tests.cli.installation import Installation, build_wheel
from tests.cli.mirrors import make_mirror

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Each is one that an operator's machine has to fetch and trust: those that pyproject.toml names,
# and all that are installed, with the command line itself.
MOST_NAMED, MOST_INSTALLED = 6, 17
HEAVY = ("azure", "cryptography", "opentelemetry", "paramiko", "rich", "shtab", "yaml")
# In functions of clients/azure that the command line does not call.
NOT_CALLED = {"azure.mgmt", "azure.storage"}
IMPORTED = """
import sys
from slipway_cli import main
sys.argv = ["slipway", *{argv!r}]
main()
print()
print(*[name for name in {heavy!r} if name in sys.modules])
"""
FOUND = """
import importlib, sys
from pathlib import Path
import slipway_cli
sys.path.insert(0, str(Path(slipway_cli.__file__).parent / "app"))
for name in {names!r}:
    try:
        importlib.import_module(name)
        print(name)
    except ModuleNotFoundError:
        pass
"""


@pytest.fixture
def lab_state(talk: Conversation, tmp_path: Path) -> Iterator[str]:
    """The state of a lab that is up at the address of `talk`: a process has a supervisor's command
    line."""
    state = str(tmp_path / "lab")
    Path(state).mkdir()
    sleeping = [sys.executable, "-c", "input()", "lab.supervisor", state]
    with subprocess.Popen(sleeping, stdin=subprocess.PIPE) as supervisor:
        lab = {"url": talk.url, "key": KEY, "azure": talk.url, "pid": supervisor.pid}
        (Path(state) / "lab.json").write_text(json.dumps(lab), encoding="utf-8")
        yield state
        supervisor.communicate(b"\n")


def test_the_wheel_gives_an_environment_one_importable_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"slipway_cli", f"slipway_cli-{PROJECT['version']}.dist-info"}


def test_the_wheel_holds_what_the_command_line_imports_and_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parts = [Path(name).parts for name in archive.namelist() if "/app/" in name]
    assert {part[2] for part in parts} == {"cli", "clients", "cluster", "playbooks", "telemetry"}
    files = {"/".join(part[2:]) for part in parts}
    assert "clients/azure/vault.py" in files
    assert "clients/azure/deployments.py" not in files
    assert {name for name in files if name.startswith("playbooks")} == {
        "playbooks/vars/manifest.yml",
        "playbooks/roles/artifacts/defaults/main.yml",
    }


def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build_wheel(tmp_path / source.name.removesuffix(".tar.gz"), tmp_path / "wheel")
    assert again.read_bytes() == wheel.read_bytes()


def test_it_needs_few_packages(installed: Installation) -> None:
    assert len(PROJECT["dependencies"]) <= MOST_NAMED
    assert all(">=" in text for text in PROJECT["dependencies"])
    names = installed.distributions()
    assert "slipway-cli" in names
    assert len(names) <= MOST_INSTALLED, names


@pytest.mark.parametrize("extra", ["installed", "with_access"])
def test_neither_the_lab_nor_the_app_can_be_imported(
    extra: str, request: pytest.FixtureRequest
) -> None:
    names = ("lab", "dev", "triggers", "activities", "benchmarks", "azure.functions", "durabletask")
    found = request.getfixturevalue(extra).python(FOUND.format(names=(*names, "cli.parser")))
    assert found.split() == ["cli.parser"]


def test_every_import_is_of_a_package_that_is_declared(with_access: Installation) -> None:
    app = with_access.site / "slipway_cli/app"
    finder = ModuleFinder(path=[str(app)])
    finder.run_script(str(app / "cli/__main__.py"))
    outside = {
        ".".join(name.split(".")[:2]) if name.startswith("azure.") else name.split(".")[0]
        for name in finder.badmodules
    }
    wanted = sorted(outside - sys.stdlib_module_names)
    found = with_access.python(FOUND.format(names=wanted)).split()
    assert set(wanted) - set(found) == NOT_CALLED


def test_the_lowest_pydantic_that_is_declared_has_what_the_code_calls() -> None:
    """`model_validate(..., extra=...)` came with 2.12, `serialize_by_alias` with 2.11."""
    (bound,) = (text for text in PROJECT["dependencies"] if text.startswith("pydantic>="))
    assert Version(bound.partition(">=")[2]) >= Version("2.12")


def test_the_extra_is_what_its_commands_ask_for() -> None:
    declared = PROJECT["optional-dependencies"]["access"]
    assert [text.partition(">=")[0] for text in declared] == list(ACCESS)


def test_it_prints_its_version(installed: Installation) -> None:
    assert installed.run("--version").stdout == f"slipway {PROJECT['version']}\n"


def test_its_help_has_no_command_of_a_checkout(installed: Installation) -> None:
    done = installed.run("--help")
    assert done.returncode == Exit.OK
    assert "slipway apply -f cluster.yaml" in done.stdout
    for other in ("./slipway", "demo run", "slipway demo", "slipway lab", "slipway package"):
        assert other not in done.stdout


def test_get_asks_the_api_and_prints_its_answer(
    installed: Installation, talk: Conversation
) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    target = {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY}
    assert "shop-etcd-0" in installed.run("get", "shop", **target).stdout
    assert json.loads(installed.run("get", "shop", "--json", **target).stdout)["state"] == "ready"


def test_get_as_json_imports_only_what_it_needs(
    with_access: Installation, talk: Conversation
) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    code = IMPORTED.format(argv=["get", "shop", "--json"], heavy=HEAVY)
    out = with_access.python(code, SLIPWAY_URL=talk.url, SLIPWAY_KEY=KEY)
    assert json.loads(out.splitlines()[0])["name"] == "shop"
    assert out.splitlines()[-1].split() == []


def test_without_an_address_it_says_what_to_set(installed: Installation) -> None:
    done = installed.run("get")
    assert done.returncode == Exit.UNREACHABLE
    assert "set SLIPWAY_URL and SLIPWAY_KEY" in done.stderr


def test_a_lab_that_nobody_named_is_named_on_standard_error(
    installed: Installation, talk: Conversation, lab_state: str
) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    used = f"slipway: SLIPWAY_URL is not set: using the lab on this machine, {talk.url}"
    done = installed.run("get", "shop", "--json", SLIPWAY_LAB_DIR=lab_state)
    assert json.loads(done.stdout)["name"] == "shop"
    assert done.stderr == f"{used}\n"
    done = installed.run("get", "shop", "--context", "lab", "--json", SLIPWAY_LAB_DIR=lab_state)
    assert (json.loads(done.stdout)["name"], done.stderr) == ("shop", "")
    done = installed.run("get", "other", "--json", SLIPWAY_LAB_DIR=lab_state)
    assert (done.returncode, json.loads(done.stdout)["title"]) == (Exit.REFUSED, "not here")


@pytest.mark.parametrize("name", ["SLIPWAY_KEY", "SLIPWAY_CLIENT_ID"])
def test_a_key_without_its_address_is_not_taken_for_the_labs(
    installed: Installation, talk: Conversation, lab_state: str, name: str
) -> None:
    for url in ({}, {"SLIPWAY_URL": ""}):
        given = {"SLIPWAY_LAB_DIR": lab_state, name: "of-an-installation", **url}
        done = installed.run("view", "shop", **given)
        assert done.returncode == Exit.REFUSED
        assert f"{name} is set and SLIPWAY_URL is not" in done.stderr
    assert talk.asked == []


def test_an_address_in_the_environment_is_used_whatever_lab_is_up(
    installed: Installation, talk: Conversation, lab_state: str
) -> None:
    talk.says("GET", CLUSTER, cluster("ready"))
    target = {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY, "SLIPWAY_LAB_DIR": lab_state}
    done = installed.run("get", "shop", "--json", **target)
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    done = installed.run("get", "shop", **target | {"SLIPWAY_URL": "http://127.0.0.1:9"})
    assert done.returncode == Exit.UNREACHABLE
    assert "no answer from http://127.0.0.1:9" in done.stderr


def test_a_mirror_is_checked_against_the_manifest_and_the_stages_in_the_wheel(
    installed: Installation, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    manifest = make_mirror(mirror)
    text = json.dumps(manifest)
    (mirror / "manifest.yml").write_text(text, encoding="utf-8")
    done = installed.run("mirror", "--check", str(mirror))
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    manifest["artifacts"] = manifest["artifacts"][1:]
    (mirror / "manifest.yml").write_text(json.dumps(manifest), encoding="utf-8")
    missing = json.loads(text)["artifacts"][0]["name"]
    assert f"no {missing}" in installed.run("mirror", "--check", str(mirror)).stdout


@pytest.mark.parametrize("command", ["kubeconfig", "tunnel"])
def test_a_command_without_its_packages_says_what_to_install(
    installed: Installation, command: str
) -> None:
    done = installed.run(command, "shop")
    assert done.returncode == Exit.REFUSED
    assert "azure-identity, azure-keyvault-secrets" in done.stderr
    assert "extra 'access'" in done.stderr


@pytest.mark.parametrize("command", ["kubeconfig", "tunnel"])
def test_with_the_extra_the_same_command_asks_the_api(
    with_access: Installation, command: str
) -> None:
    done = with_access.run(command, "shop", SLIPWAY_URL="http://127.0.0.1:9")
    assert done.returncode == Exit.UNREACHABLE
    assert "no answer from http://127.0.0.1:9" in done.stderr
