"""The cloud-init configuration for the first boot of a machine."""

import base64
import configparser
import json
import re
import shlex
from dataclasses import replace
from typing import Any

import pytest
import yaml

from cluster import cloud_init
from cluster.cloud_init import CloudInitNode, render_custom_data, render_user_data
from cluster.trust import MAX_TRUSTED_BYTES

PRIVATE_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt\n" * 6
    + "-----END OPENSSH PRIVATE KEY-----\n"
)
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"
ETCD = CloudInitNode(
    cluster="demo",
    name="demo-etcd-0",
    role="etcd",
    address="10.0.2.4",
    host_key_private=PRIVATE_KEY,
    host_key_public=PUBLIC_KEY,
)
CONTROLLER = replace(ETCD, name="demo-controller", role="controller", address="10.0.0.4")
# A deployment of 100 nodes leaves 25 KB for each; half of it is room for what comes later.
CUSTOM_DATA_LIMIT = 13 * 1024
AZURE_LIMIT = 64 * 1024


def config(node: CloudInitNode) -> dict[str, Any]:
    """The cloud-config as a machine reads it out of its customData."""
    text = base64.b64decode(render_custom_data(node), validate=True).decode()
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def files(node: CloudInitNode) -> dict[str, str]:
    return {file["path"]: file["content"] for file in config(node)["write_files"]}


def unit(node: CloudInitNode, name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(files(node)[f"/etc/systemd/system/{name}"])
    return parser


def sshd(node: CloudInitNode) -> dict[str, str]:
    lines = files(node)[cloud_init.SSHD_FILE].splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_the_same_node_always_gives_the_same_text() -> None:
    assert render_custom_data(ETCD) == render_custom_data(replace(ETCD))
    assert render_custom_data(ETCD) != render_custom_data(replace(ETCD, address="10.0.2.5"))


def test_a_machine_takes_the_host_key_that_was_made_for_it_and_offers_no_other() -> None:
    keys = config(ETCD)["ssh_keys"]
    assert keys == {"ed25519_private": PRIVATE_KEY, "ed25519_public": f"{PUBLIC_KEY}\n"}
    assert config(ETCD)["ssh_deletekeys"] is True
    assert sshd(ETCD)["HostKey"] == "/etc/ssh/ssh_host_ed25519_key"


def test_a_key_without_its_last_newline_is_completed() -> None:
    bare = replace(ETCD, host_key_private=PRIVATE_KEY.rstrip("\n"))
    assert config(bare)["ssh_keys"]["ed25519_private"] == PRIVATE_KEY


def test_an_rsa_key_is_made_on_the_machine_for_the_azure_agent() -> None:
    made = unit(ETCD, cloud_init.RSA_KEY_UNIT)
    path = "/etc/ssh/ssh_host_rsa_key"
    assert made["Unit"]["ConditionPathExists"] == f"!{path}"
    command = shlex.split(made["Service"]["ExecStart"])
    assert command[0] == "/usr/bin/ssh-keygen"
    assert command[command.index("-t") + 1] == "rsa"
    assert command[command.index("-N") + 1] == ""
    assert command[-1] == path


@pytest.mark.parametrize(
    ("node", "forwarding"), [(CONTROLLER, "local"), (ETCD, "no")], ids=["controller", "node"]
)
def test_only_the_controller_forwards_and_only_outwards(
    node: CloudInitNode, forwarding: str
) -> None:
    assert sshd(node)["AllowTcpForwarding"] == forwarding
    assert sshd(node)["AllowAgentForwarding"] == "no"


def test_the_units_that_are_started_are_the_ones_that_were_written() -> None:
    [command] = config(ETCD)["bootcmd"]
    started = command[command.index("--now") + 1 :]
    assert sorted(started) == sorted([cloud_init.READINESS_UNIT, cloud_init.RSA_KEY_UNIT])
    for name in started:
        assert unit(ETCD, name)["Install"]["WantedBy"] == "multi-user.target"


def test_the_start_waits_for_the_files_and_not_for_the_packages() -> None:
    [command] = config(CONTROLLER)["bootcmd"]
    assert "--no-block" in command
    assert "--property=After=cloud-config.target" in command


def test_the_readiness_service_survives_and_runs_what_was_written() -> None:
    service = unit(ETCD, cloud_init.READINESS_UNIT)["Service"]
    python, isolated, program, node_file = service["ExecStart"].split()
    assert (python, isolated) == ("/usr/bin/python3", "-I")
    assert service["Restart"] == "always"
    assert service["DynamicUser"] == "yes"
    compile(files(ETCD)[program], program, "exec")
    assert json.loads(files(ETCD)[node_file]) == {
        "address": "10.0.2.4",
        "cluster": "demo",
        "name": "demo-etcd-0",
        "role": "etcd",
    }


def test_what_the_play_adds_to_the_hosts_file_stays() -> None:
    assert config(ETCD)["manage_etc_hosts"] == "localhost"


def test_only_the_controller_installs_packages() -> None:
    script = files(CONTROLLER)[cloud_init.PACKAGES_SCRIPT]
    assert 'packages="ansible-core python3-ansible-runner"' in script
    assert cloud_init.PACKAGES_SCRIPT not in files(ETCD)


def test_scripts_can_be_run_and_nothing_else_can() -> None:
    modes = {file["path"]: file["permissions"] for file in config(CONTROLLER)["write_files"]}
    assert modes.pop(cloud_init.PACKAGES_SCRIPT) == "0755"
    assert set(modes.values()) == {"0644"}


def test_no_file_is_written_twice() -> None:
    paths = [file["path"] for file in config(CONTROLLER)["write_files"]]
    assert len(paths) == len(set(paths))


def test_the_private_key_is_in_no_file_and_in_no_representation() -> None:
    secret = PRIVATE_KEY.splitlines()[1]
    assert secret not in repr(ETCD)
    assert not any(secret in content for content in files(ETCD).values())
    assert render_user_data(ETCD).count("BEGIN OPENSSH") == 1


def test_authorities_lie_where_the_store_is_made_from() -> None:
    trusting = replace(CONTROLLER, trusted=("PEM one", "PEM two"))
    found = {path: text for path, text in files(trusting).items() if "ca-certificates" in path}
    assert sorted(found.values()) == ["PEM one", "PEM two"]
    for path in found:
        assert re.fullmatch(r"/usr/local/share/ca-certificates/slipway-[0-9a-f]{16}\.crt", path)
    script = files(trusting)[cloud_init.PACKAGES_SCRIPT]
    assert script.index("update-ca-certificates") < script.index("apt-get")
    assert "update-ca-certificates" not in files(CONTROLLER)[cloud_init.PACKAGES_SCRIPT]


def test_azure_takes_a_controller_with_as_many_authorities_as_a_spec_may_name() -> None:
    line = "x" * 63 + "\n"
    whole = replace(CONTROLLER, trusted=(line * (MAX_TRUSTED_BYTES // len(line)),))
    assert len(base64.b64decode(render_custom_data(whole))) < AZURE_LIMIT


def test_custom_data_leaves_most_of_its_room() -> None:
    everything = replace(
        CONTROLLER,
        name="c" * 24 + "-controller",
        apt_mirror=f"https://mirror.example.net/{'d' * 400}",
        http_proxy=f"http://{'p' * 200}.example.net:3128",
        no_proxy=",".join(f"host-{index}.example.net" for index in range(500)),
    )
    assert len(render_custom_data(everything)) < CUSTOM_DATA_LIMIT * 1.25
    assert len(render_custom_data(CONTROLLER)) < CUSTOM_DATA_LIMIT
