"""The example pipelines: valid, and every command and file that they name is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import parser as installed
from cli.specs import load_spec
from cluster.spec import ClusterSpec
from dev import parser as checkout

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/pipelines"
SPEC = EXAMPLES / "cluster.yaml"
WORKFLOWS = [ROOT / ".github/workflows/test.yml", *sorted(EXAMPLES.glob("github-*.yml"))]
PIPELINES = [*WORKFLOWS, *sorted(EXAMPLES.glob("azure-*.yml"))]
NAMED = re.compile(r"(?<![\w/$])(?:\.?[\w-]+/)+[\w.-]+\.(?:ya?ml|json|txt|md|sh)\b")
# `./slipway` is a checkout's, `slipway` the installed command line.
PARSERS = {"./slipway": checkout.build_parser, "slipway": installed.build_parser}
COMMAND = re.compile(r"(?<![\w/.-])(?:\./)?slipway(?= [a-z])")
# Owners can move a tag. The comment says which version the commit is.
PINNED = re.compile(r"[\w-]+/[\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
SCRIPT = re.compile(r"examples/[\w/-]+\.sh\b")


def ids(path: Path) -> str:
    return path.stem


def shells(path: Path) -> Iterator[str]:
    """Its scripts, and the script files that they run."""
    for script in scripts(yaml.safe_load(path.read_text(encoding="utf-8"))):
        yield script
        for name in SCRIPT.findall(script):
            yield (ROOT / name).read_text(encoding="utf-8")


def scripts(value: Any) -> Iterator[str]:
    """What a shell runs, of GitHub Actions and of Azure Pipelines."""
    if isinstance(value, list):
        for item in value:
            yield from scripts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("run", "script", "inlineScript"):
                yield item
            else:
                yield from scripts(item)


def commands(path: Path) -> list[list[str]]:
    """The words of each `slipway` command, the program first; what follows it in a shell's line is
    left out."""
    joined = "\n".join(shells(path))
    found: list[list[str]] = []
    for line in joined.replace("\\\n", " ").splitlines():
        if start := COMMAND.search(line.partition("# ")[0]):
            words = shlex.shlex(line[start.start() :], posix=True, punctuation_chars=True)
            words.whitespace_split = True
            taken: list[str] = []
            for word in words:
                if word[0] in "|&;<>()":
                    break
                taken.append(word)
            found.append(taken)
    return found


def test_there_is_one_of_each_kind() -> None:
    kinds = {path.stem for path in PIPELINES}
    assert kinds == {"test", *(f"{who}-{what}" for who in ("github", "azure") for what in USES)}


USES = {"deploy": {"package", "get"}, "cluster": {"plan", "apply", "kubeconfig", "delete"}}


@pytest.mark.parametrize("path", PIPELINES, ids=ids)
def test_every_command_is_one_that_the_parser_takes(path: Path) -> None:
    found = commands(path)
    for program, *argv in found:
        PARSERS[program]().parse_args(argv)
    assert {argv[1] for argv in found} == USES.get(path.stem.rpartition("-")[2], {"test"})


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*-cluster.yml")), ids=ids)
def test_a_pipeline_that_uses_clusters_installs_only_the_command_line(path: Path) -> None:
    assert {program for program, *_ in commands(path)} == {"slipway"}
    text = "\n".join(shells(path))
    after = text.index("install --quiet '.[access]'")
    first = COMMAND.search(text)
    assert first
    assert after < first.start()


@pytest.mark.parametrize("path", PIPELINES, ids=ids)
def test_every_file_that_is_named_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = [name for name in NAMED.findall(text) if not (ROOT / name).is_file()]
    assert not missing


@pytest.mark.parametrize("path", PIPELINES, ids=ids)
def test_no_secret_is_stored_and_each_action_has_a_version(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert not re.search(r"client-secret|publish-profile|creds:", text)
    for used in re.findall(r"task: *(\S+)", text):
        assert re.fullmatch(r"[\w/.-]+@\d+", used), used
    for used in re.findall(r"uses: *(\S.*)", text):
        assert PINNED.fullmatch(used), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_asks_for_no_more_than_it_needs(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    signs_in = "azure/login" in path.read_text(encoding="utf-8")
    wanted = {"contents": "read"} | ({"id-token": "write"} if signs_in else {})
    assert document["permissions"] == wanted


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*-cluster.yml")), ids=ids)
def test_the_cluster_that_is_deleted_is_the_one_of_the_spec(path: Path) -> None:
    name = ClusterSpec.model_validate(load_spec(str(SPEC)).document).name
    for argv in commands(path):
        if argv[1] in ("kubeconfig", "delete"):
            assert argv[2] == name


def test_a_user_cannot_sign_in_as_the_deployer() -> None:
    """The environment is in the token's subject: one for both would be one identity."""
    found = [
        job["environment"]
        for path in sorted(EXAMPLES.glob("github-*.yml"))
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    ]
    assert found == ["slipway-use", "slipway-deploy"]
    text = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")
    assert all(f":environment:{name}`" in text for name in found)


@pytest.mark.parametrize("path", PIPELINES, ids=ids)
def test_the_apps_address_is_read_where_flex_consumption_has_it(path: Path) -> None:
    """There `az functionapp show` gives ARM's own document, without the name at its top."""
    for script in shells(path):
        for query in re.findall(r"--query (\S*defaultHostName)", script):
            assert query == "properties.defaultHostName"


def test_one_version_of_an_action_is_used_in_all_workflows() -> None:
    found = {one for path in WORKFLOWS for one in re.findall(r"uses: *(\S.*)", path.read_text())}
    assert len(found) == len({one.partition("@")[0] for one in found}) == 3
