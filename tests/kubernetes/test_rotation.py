"""The encryption key and the kubeconfig of a whole cluster are rotated: what etcd has afterwards,
whom the API server admits, and a backup from before."""

import base64
from typing import Any

import pytest
import requests
import yaml

from cluster.encryption import EncryptionKeys
from tests.kubernetes.machines import ETCDCTL, kubectl
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 1},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 1}],
}
API = "/api/clusters/whole"
PLANE, MEMBER = "whole-control-plane-0", "whole-etcd-0"
SETTINGS = "/etc/kubernetes/slipway/encryption.yml"
# The first letters of each value: the key's name is among them.
STORED = (
    f"{ETCDCTL} get /registry/secrets/ --prefix --write-out=json | python3 -c '"
    'import base64, json, sys; values = [base64.b64decode(one["value"])'
    ' for one in json.load(sys.stdin)["kvs"]]; assert values;'
    ' sys.exit(not all(one.startswith(b"k8s:enc:secretbox:v1:NAME:") for one in values))\''
)


@pytest.fixture(scope="module", autouse=True)
def built(lab: Lab, cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    assert ask(lab, "create namespace shop")
    for number in range(60):
        words = f"-n shop create secret generic key-{number} --from-literal=written=before"
        assert ask(lab, words)


def ask(lab: Lab, arguments: str) -> bool:
    return kubectl(lab, arguments, 0)


def secret(lab: Lab, what: str) -> str:
    """Returns the newest version of a secret of the cluster."""
    ((_, versions),) = [one for one in lab.secrets("whole").items() if one[0].endswith(f"-{what}")]
    return versions[-1]["value"]


def rotate(lab: Lab, credential: str) -> None:
    accepted = lab.call("POST", f"{API}/credentials/{credential}/rotate")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"], seconds=900)
    assert answer.status_code == 200, answer.text
    for one in lab.events("whole"):
        print(one["time"], one["text"])  # noqa: T201 -- durations, for docs/measurements.md


def stored_with(lab: Lab, name: str) -> bool:
    return lab.in_machine(MEMBER, STORED.replace("NAME", name)) == 0


def readable(lab: Lab) -> bool:
    value = base64.b64encode(b"before").decode()
    words = "-n shop get secret key-7 -o jsonpath='{.data.written}'"
    return ask(lab, f"{words} | grep -qx {value}")


def test_every_secret_is_encrypted_with_the_new_key(lab: Lab) -> None:
    old = EncryptionKeys.parse(secret(lab, "encryption"))
    assert stored_with(lab, old.first)
    rotate(lab, "encryption-key")
    new = EncryptionKeys.parse(secret(lab, "encryption"))
    assert new.first != old.first
    assert stored_with(lab, new.first)
    assert readable(lab)
    gone = f"! grep -qF '{old.keys[0].secret}' {SETTINGS} && grep -qF '{new.first}' {SETTINGS}"
    assert lab.in_machine(PLANE, gone) == 0


def admitted(lab: Lab, kubeconfig: str, verb: str = "get nodes") -> bool:
    """Returns whether the API server lets the holder of the file see nodes."""
    document = yaml.safe_load(kubeconfig)
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:6443"
    text = base64.b64encode(yaml.safe_dump(document).encode()).decode()
    file = "$(mktemp)"
    script = f"set -e; file={file}; echo {text} | base64 -d > $file; "
    script += f"kubectl --kubeconfig=$file --request-timeout=6s {verb} >/dev/null"
    return lab.in_machine(PLANE, script) == 0


def test_the_old_kubeconfig_is_refused_and_the_new_one_is_not(lab: Lab) -> None:
    old = secret(lab, "kubeconfig")
    assert admitted(lab, old)
    rotate(lab, "kubeconfig")
    first = secret(lab, "kubeconfig")
    assert (admitted(lab, first), admitted(lab, old)) == (True, False)
    # It signs in still, and may do nothing.
    assert admitted(lab, old, "auth whoami")
    rotate(lab, "kubeconfig")
    second = secret(lab, "kubeconfig")
    assert [admitted(lab, one) for one in (second, first, old)] == [True, False, False]


def test_a_backup_from_before_a_rotation_can_be_read(lab: Lab) -> None:
    """It takes a mirror whose etcd has etcdutl, as each restore does."""
    accepted = lab.call("POST", f"{API}/backups")
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    (backup,) = lab.call("GET", f"{API}/backups").json()["backups"]
    old = EncryptionKeys.parse(secret(lab, "encryption"))
    rotate(lab, "encryption-key")
    accepted = lab.call("POST", f"{API}/backups/{backup['id']}/restore")
    answer = lab.follow(accepted.headers["Location"], seconds=900)
    assert answer.status_code == 200, answer.text
    assert stored_with(lab, old.first)
    assert readable(lab)
    rotate(lab, "encryption-key")
    assert readable(lab)
    assert stored_with(lab, EncryptionKeys.parse(secret(lab, "encryption")).first)
    # The restore brought the old bindings, too.
    assert admitted(lab, secret(lab, "kubeconfig"))


def test_the_same_spec_finds_nothing_to_repair(lab: Lab) -> None:
    answer = lab.apply(SPEC, seconds=900, full=True)
    assert answer.status_code == 200, answer.text
    assert admitted(lab, secret(lab, "kubeconfig"))
    assert readable(lab)
