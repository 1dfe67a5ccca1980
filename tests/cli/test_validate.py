"""validate, schema and init, and what of a spec's file is sent and shown."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cli.__main__ import main
from cli.spec_template import template
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from dev.paths import ROOT
from tests.cli.conversation import CLUSTER, Conversation, Said

type Output = pytest.CaptureFixture[str]

FAULTY = """\
# A comment, so that lines count.
name: Bad_Name
etcd:
  count: 2
  vmsize: Standard_D2s_v5
workers:
  - name: a
  - count: 5000
kubernetes: {version: 1.36}
"""


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_fault_is_shown_with_its_line_also_when_the_name_is_bad(
    tmp_path: Path, capsys: Output
) -> None:
    file = written(tmp_path / "bad.yaml", FAULTY)
    assert main(["validate", "-f", file]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == f"slipway: {file} has 6 faults"
    for line, path, words in (
        (2, "name", "has another form"),
        (4, "etcd.count", "should be 1, 3 or 5"),
        (5, "etcd.vmsize", "did you mean 'vmSize'?"),
        (8, "workers[1].count", "at most 1000"),
        (8, "workers[1].name", "is required"),
        (9, "kubernetes.version", "quote it"),
    ):
        (found,) = (text for text in shown if text.startswith(f"{file}:{line}: {path}: "))
        assert words in found


def test_the_same_faults_as_json(tmp_path: Path, capsys: Output) -> None:
    file = written(tmp_path / "bad.yaml", FAULTY)
    assert main(["validate", "-f", file, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert {fault["path"]: fault["line"] for fault in document["faults"]}["etcd.count"] == 4


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_bad_name_is_refused_with_all_other_faults_and_nothing_is_sent(
    command: str, talk: Conversation, tmp_path: Path, capsys: Output
) -> None:
    file = written(tmp_path / "bad.yaml", FAULTY)
    assert main([command, "-f", file]) == 2
    assert "has 6 faults" in capsys.readouterr().err
    assert talk.asked == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- name: demo\n", "not an object"),
        ("name: no\n", "name: should be text, and is a truth value: quote it"),
        ("location: westeurope\n", "name: is required"),
        ("name: demo\nname: demo\n", "line 2: the key 'name' appears twice"),
        ("name: demo\netcd: &a {count: 3}\n", ""),
        ("name: demo\nworkers: [*a]\n", "line 2"),
    ],
)
def test_what_is_no_spec_is_told_apart(
    tmp_path: Path, capsys: Output, text: str, words: str
) -> None:
    file = written(tmp_path / "spec.yaml", text)
    assert main(["validate", "-f", file]) == (2 if words else 0)
    assert words in capsys.readouterr().err


def test_a_file_that_cannot_be_sent_is_refused(tmp_path: Path, capsys: Output) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (64 * 1024 + 1))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff\n")
    for path, words in (
        (large, "larger than the 65536 bytes"),
        (binary, "byte 7 is not UTF-8"),
        (tmp_path / "missing.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        assert main(["validate", "-f", str(path)]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.yaml", "# kept\nname:   shop # as it is\n", "application/yaml"),
        ("a.json", '{"name": "shop",\n\t"etcd": {"count": 1.0}}', "application/json"),
        ("a.json", '{"name": "shop", "name": "shop2"}', ""),
        ("spec", '{\n\t"name": "shop"}', "application/json"),
        ("spec", "{name: shop}", "application/yaml"),
        ("a.yml", '{"name": "shop"}', "application/yaml"),
    ],
)
def test_a_file_is_sent_byte_by_byte(
    talk: Conversation, tmp_path: Path, capsys: Output, name: str, text: str, kind: str
) -> None:
    file = written(tmp_path / name, text)
    assert main(["apply", "-f", file, "--no-wait"]) == (0 if kind else 2)
    assert [(one.text, one.content_type) for one in talk.asked] == ([(text, kind)] if kind else [])


def test_faults_of_the_api_are_shown_with_their_lines(
    talk: Conversation, tmp_path: Path, capsys: Output
) -> None:
    file = written(tmp_path / "shop.yaml", "name: shop\n\nworkers:\n- name: a\n  vmSize: X\n")
    faults = [
        {"path": "workers[0].vmSize", "message": "is not offered", "allowed": "Standard_D2s_v5"},
        {"path": "workers[0].count", "message": "is too many", "allowed": ""},
        {"path": "", "message": "98 more faults", "allowed": ""},
    ]
    talk.says("PUT", CLUSTER, Said(400, {"title": "the spec was refused", "faults": faults}))
    assert main(["plan", "-f", file]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "slipway: the spec was refused",
        f"  {file}:5: workers[0].vmSize: is not offered",
        "      allowed: Standard_D2s_v5",
        f"  {file}:4: workers[0].count: is too many",
        f"  {file}: 98 more faults",
    ]


def test_the_template_is_valid_and_its_fields_are_those_of_the_model(
    tmp_path: Path, capsys: Output
) -> None:
    text = template("demo")
    assert parse_spec(yaml.safe_load(text)) == ClusterSpec(name="demo")
    keys = re.findall(r"^#(\w+):", text, re.M)
    assert {"name", *keys} == {field.alias for field in ClusterSpec.model_fields.values()}


def test_the_template_is_valid_with_every_field(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\S|  )", "", template("demo"), flags=re.M)
    document: dict[str, Any] = yaml.safe_load(text)
    # A certificate cannot be shown in one line.
    del document["trustedCertificates"], document["registries"][0]["caCertificates"]
    # An address range that is set aside for documentation is shown, and refused.
    document["controlPlane"]["publicApi"]["allowedSources"] = ["9.9.9.0/24"]
    # An example stands there, since the default is empty.
    assert document["etcd"].pop("securityRules") == [
        {"protocol": "tcp", "ports": ["9100", "9200-9210"], "sources": ["10.0.0.0/16"]}
    ]
    spec = parse_spec(document)
    assert spec.workers[0].taints[0].effect == "NoSchedule"
    defaults = ClusterSpec(name="demo")
    for part in ("kubernetes", "controller", "etcd", "image", "location", "admin_user"):
        assert getattr(spec, part) == getattr(defaults, part)


def test_init_writes_a_spec_and_the_schema_that_its_first_line_names(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "demo"]) == 0
    first, _, rest = (tmp_path / "demo.yaml").read_text().partition("\n")
    schema = json.loads((tmp_path / first.partition("$schema=")[2]).read_text())
    assert first.startswith("# yaml-language-server: $schema=")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(rest))
    assert main(["validate", "-f", "demo.yaml"]) == 0
    assert main(["init", "demo"]) == 2
    assert "demo.yaml exists" in capsys.readouterr().err
    assert main(["init", "demo", "--output", "sub/other.yaml"]) == 0
    assert (tmp_path / "sub" / first.partition("$schema=")[2]).is_file()
    assert main(["init", "demo", "--output", "-"]) == 0
    assert capsys.readouterr().out == f"{first}\n{rest}"


@pytest.mark.parametrize("name", ["Demo", "x", "../demo"])
def test_init_refuses_what_is_no_name(name: str, tmp_path: Path, capsys: Output) -> None:
    assert main(["init", name, "--output", str(tmp_path / "a.yaml")]) == 2
    assert "beginning with a letter" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_field_of_the_schema_has_a_description(capsys: Output) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    places = {"": schema} | schema["$defs"]
    for place, model in places.items():
        for name, field in model["properties"].items():
            assert "description" in field or "$ref" in field, f"{place}.{name}"
        assert model["description"]


def test_the_published_schema_is_that_of_the_model(capsys: Output) -> None:
    assert main(["schema"]) == 0
    published = (ROOT / "examples/slipway.schema.json").read_text(encoding="utf-8")
    assert published == capsys.readouterr().out, (
        "run: python -m cli schema > examples/slipway.schema.json"
    )


def test_a_spec_is_validated_without_the_network_and_without_azures_packages(
    tmp_path: Path,
) -> None:
    file = written(tmp_path / "demo.yaml", "name: demo\n")
    code = (
        "import sys; from cli.__main__ import main; "
        f"code = main(['validate', '-f', {file!r}]); "
        "print(*[m for m in ('cryptography', 'azure', 'paramiko') if m in sys.modules]); "
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]
