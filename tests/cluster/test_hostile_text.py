"""Text that shells, YAML, INI, Jinja or paths would take for their own, in every field that takes
text: refused with the field's path, or harmless wherever it comes out."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from cluster import keys, names
from cluster.cloud_init import CloudInitNode, render_user_data
from cluster.faults import Fault, SpecRefusedError
from cluster.inventory import render_inventory
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from cluster.spec_schema import spec_schema
from lab.simulation.play import controller_program
from tests.cluster.specs import TRICKS

AUTHORITY = keys.new_authority("tricks")[1]
# Every optional part is there, so that each of its fields can be spoiled.
FULL: dict[str, Any] = {
    "name": "demo",
    "location": "westeurope",
    "resourceGroup": "demo-rg",
    "kubernetes": {"version": "1.36", "podCidr": "10.244.0.0/16", "serviceCidr": "10.96.0.0/16"},
    "network": {
        "vnetCidr": "10.0.0.0/16",
        "subnets": {
            "controller": "10.0.0.0/24",
            "controlPlane": "10.0.1.0/24",
            "etcd": "10.0.2.0/24",
        },
        "allowedSources": ["198.51.100.7/32"],
    },
    "controller": {"vmSize": "Standard_B2s_v2"},
    "etcd": {"vmSize": "Standard_D2s_v5"},
    "controlPlane": {
        "vmSize": "Standard_D2s_v5",
        "publicApi": {"allowedSources": ["198.51.100.0/24"]},
    },
    "workers": [
        {
            "name": "worker",
            "vmSize": "Standard_D4s_v5",
            "subnet": "10.0.16.0/22",
            "labels": {"tier": "web"},
            "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
            "securityRules": [{"protocol": "tcp", "ports": ["9100"], "sources": ["10.0.0.0/16"]}],
        }
    ],
    "adminUser": "slipway",
    "image": {"version": "0.20260914.2601"},
    "zones": ["1"],
    "tags": {"team": "a"},
    "slack": {"secret": "webhook"},
    "artifacts": {"url": "https://mirror.example.org", "manifestSha256": "0" * 64},
    "proxy": {"http": "http://proxy:3128", "https": "http://proxy:3128", "noProxy": ["a.example"]},
    "packageMirror": "https://debian.example.org/debian",
    "registries": [
        {
            "host": "images.example.org:5000",
            "mirrors": ["https://mirror.example.org/v2"],
            "caCertificates": [AUTHORITY],
        }
    ],
    "trustedCertificates": [AUTHORITY],
    "playbook": {"through": "verify"},
}
type Place = tuple[str | int, ...]


def texts(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every text in the document; `KEY` behind a place means the name of a label or tag."""
    if isinstance(value, dict):
        for key, item in value.items():
            if place and place[-1] in ("labels", "tags"):
                yield (*place, key, "KEY")
            yield from texts(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*place, index))
    elif isinstance(value, str):
        yield place


PLACES = list(texts(FULL))


def spoil(place: Place, text: str) -> dict[str, Any]:
    document: Any = copy.deepcopy(FULL)
    key = place[-1] == "KEY"
    *parents, last = place[:-1] if key else place
    holder = document
    for part in parents:
        holder = holder[part]
    if key:
        holder[text] = holder.pop(last)
    else:
        holder[last] = text
    return document


def plan_of(document: dict[str, Any]) -> Plan:
    spec = parse_spec(document)
    return make_plan(spec, ClusterRecord(name=spec.name, uid="0a1b2c3d", generation=1), [])


def test_every_field_that_takes_text_is_tried() -> None:
    """A field that comes later must come into the full document, or this fails."""
    schema = spec_schema()
    definitions = {"ClusterSpec": schema, **schema["$defs"]}
    known = {str(part) for place in PLACES for part in place}
    for name, definition in definitions.items():
        for field, rule in definition.get("properties", {}).items():
            if takes_text(rule, definitions):
                assert field in known, f"{name}.{field}"


def takes_text(rule: Any, definitions: dict[str, Any]) -> bool:
    """Whether a field takes text itself or holds one that does."""
    kinds = json.dumps(rule)
    held = (name for name in definitions if f'"#/$defs/{name}"' in kinds)
    return '"string"' in kinds or any(
        takes_text(field, definitions)
        for name in held
        for field in definitions[name].get("properties", {}).values()
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_trick_is_refused_at_its_path_or_harmless(place: Place) -> None:
    for trick in TRICKS:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place if p != "KEY")
        above = path.lstrip(".").rpartition(".")[0] if place[-1] == "KEY" else path.lstrip(".")
        faults: list[Fault] = []
        try:
            harmless(plan_of(spoil(place, trick)))
        except SpecRefusedError as error:
            faults = error.faults
        assert not faults or any(f.path.startswith(above) for f in faults), (above, faults)


def harmless(plan: Plan) -> None:
    """Whatever reads what the plan becomes reads the same, and nothing of it is code."""
    inventory = render_inventory(plan, names.play_run_id(plan.cluster, 1, 1))
    assert yaml.safe_load(json.dumps(inventory)) == inventory
    variables = inventory["all"]["vars"]
    options = variables.pop("slipway_apt_options").splitlines()
    assert all(re.fullmatch(r'[A-Za-z:.\[\]-]+ "[^"\\$`]*";', line) for line in options), options
    for trusted in variables.pop("slipway_trusted"):
        assert trusted["pem"] == AUTHORITY
        assert re.fullmatch(r"slipway-[0-9a-f]{16}\.crt", trusted["name"])
    for registry in variables["slipway_registries"]:
        assert registry.pop("authorities") == AUTHORITY
    for text in strings(inventory):
        # Ansible takes variables for templates; jinja2 says which are.
        assert [kind for _, kind, _ in jinja2.Environment(autoescape=True).lex(text)] in (
            [],
            ["data"],
        )
        assert not re.search(r"[\s'\"`$;&|<>\\\x00-\x1f]", text), text
    for slot in plan.slots:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,62}", slot.name)
        user_data = render_user_data(machine(plan, slot.name, slot.role, slot.address))
        config = yaml.safe_load(user_data)
        assert config == json.loads(user_data.partition("\n")[2])
        paths = {file["path"] for file in config["write_files"]}
        assert all(
            path.startswith(("/etc/", "/usr/local/lib/", "/var/lib/cloud/")) for path in paths
        )
        assert not any(".." in path for path in paths)
    for text in (plan.cluster, plan.group, *(d.part for d in plan.deployments)):
        assert "/" not in text
        assert ".." not in text.strip("()")


def machine(plan: Plan, name: str, role: str, address: str) -> CloudInitNode:
    proxy = plan.spec.proxy
    return CloudInitNode(
        plan.cluster,
        name,
        role,
        address,
        PRIVATE,
        keys.public_half(PRIVATE),
        apt_mirror=plan.spec.package_mirror,
        http_proxy=proxy.http if proxy else None,
        no_proxy=",".join(proxy.no_proxy) if proxy else None,
    )


PRIVATE = keys.new_ssh_key()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_ansible_reads_the_inventory_as_it_was_meant(tmp_path: Path) -> None:
    """With everything in it that a label, a tag and a name without proxy may hold."""
    document = copy.deepcopy(FULL)
    document["workers"][0]["labels"] = {"a.b/c-d_e": "x.y_z-1", "True": "null", "1e3": "0x1"}
    document["tags"] = {f"k{n}": trick for n, trick in enumerate(TRICKS) if good_tag(trick)}
    document["proxy"]["noProxy"] = ["*.example", "::1", "10.0.0.0/8", "-a", "no", "0"]
    plan = plan_of(document)
    inventory = render_inventory(plan, "demo-000001-1")
    path = tmp_path / "inventory.yml"
    controller_program("inventory_file").write(inventory, path)
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [str(program), "-i", str(path), "--list"], capture_output=True, text=True, check=True
    )
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert set(hosts) == {slot.name for slot in plan.slots}
    for name, host in hosts.items():
        assert host["slipway_no_proxy"] == inventory["all"]["vars"]["slipway_no_proxy"]
        if host["slipway_role"] == "worker":
            assert host["slipway_labels_and_taints"]["labels"] == {
                **document["workers"][0]["labels"],
                "node-role.kubernetes.io/worker": "",
                "slipway.dev/pool": "worker",
            }, name


def good_tag(text: str) -> bool:
    return len(text) <= 256 and not re.search(r"^\[|[\x00-\x1f\x7f-\x9f]", text)
