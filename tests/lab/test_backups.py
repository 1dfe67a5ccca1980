"""A backup of a cluster without Kubernetes, on a real etcd member, with every activity run twice.

What was written before the backup is in the snapshot, what was written after it is not: the
snapshot is read from storage, restored into a scratch directory on the member, and read there.
"""

import base64
import hashlib
import json
import subprocess
from typing import Any

import pytest

from clients.azure.blobs import Blobs
from clients.settings import Settings
from lab.testing.machines import entry
from tests.lab.conftest import STATE, Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
NAME, MEMBER = "saved", "saved-etcd-0"
ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt"
    " --cert=/etc/etcd/pki/client.crt --key=/etc/etcd/pki/client.key"
)
# Restores the snapshot into an etcd of its own, and prints the values under /test/.
READ = """
set -eu
rm -rf /tmp/restored && base64 -d /tmp/snapshot.b64 > /tmp/snapshot.db
tool=$(dirname "$(readlink -f /usr/local/bin/etcdctl)")/etcdutl
[ -x "$tool" ] || tool=etcdctl
$tool snapshot restore /tmp/snapshot.db --data-dir /tmp/restored >/dev/null 2>&1
/usr/local/bin/etcd --data-dir /tmp/restored --listen-client-urls http://127.0.0.1:3379 \
  --advertise-client-urls http://127.0.0.1:3379 --listen-peer-urls http://127.0.0.1:3380 \
  >/tmp/restored.log 2>&1 &
for _ in $(seq 50); do
  etcdctl --endpoints=http://127.0.0.1:3379 endpoint health >/dev/null 2>&1 && break
  sleep 0.2
done
etcdctl --endpoints=http://127.0.0.1:3379 get --prefix /test/ --print-value-only
kill %1
"""


@pytest.fixture(scope="module")
def built(lab: Lab) -> dict[str, Any]:
    """A cluster of one etcd member, in which a key was written; one backup is kept."""
    spec = tiny(NAME, 79, "etcd") | {"backups": {"keep": 1}}
    lab.succeeds(spec)
    put(lab, "before", "written before the backup")
    return spec


def put(lab: Lab, key: str, value: str) -> None:
    assert lab.in_machine(MEMBER, f"{ETCDCTL} put /test/{key} '{value}'") == 0


def back_up(lab: Lab) -> list[dict[str, Any]]:
    """Takes a backup; returns the list of backups."""
    accepted = lab.call("POST", f"/api/clusters/{NAME}/backups")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"])
    assert answer.status_code == 200, answer.text
    return lab.call("GET", f"/api/clusters/{NAME}/backups").json()["backups"]


def blobs(lab: Lab) -> Blobs:
    info = lab.info.info
    return Blobs(Settings(info["subscription"], "", info["storage"], loopback=info["azure"]))


def read_back(lab: Lab, snapshot: bytes) -> str:
    """The values under /test/ of an etcd that was restored from the snapshot."""
    text = base64.b64encode(snapshot).decode()
    script = f"cat > /tmp/snapshot.b64 <<'END'\n{text}\nEND\n{READ}"
    argv = [*entry(STATE, MEMBER), "bash", "-s"]
    done = subprocess.run(argv, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_data_written_before_is_in_the_backup_and_data_written_after_is_not(
    lab: Lab, built: dict[str, Any]
) -> None:
    (backup,) = back_up(lab)
    put(lab, "after", "written after the backup")
    found = blobs(lab).read(backup["blob"])
    assert found is not None
    snapshot = found[0]
    assert len(snapshot) == backup["bytes"]
    assert hashlib.sha256(snapshot).hexdigest() == backup["sha256"]
    assert backup["keys"] >= 1
    assert backup["checkedBy"] in ("etcdctl", "etcdutl")
    assert (backup["member"], backup["kubernetes"]) == (MEMBER, "")
    assert read_back(lab, snapshot) == "written before the backup\n"


def test_the_backup_changes_neither_the_cluster_nor_its_machine(
    lab: Lab, built: dict[str, Any]
) -> None:
    shown = lab.call("GET", f"/api/clusters/{NAME}").json()
    assert (shown["state"], shown["kind"], shown["percent"]) == ("ready", "backup", 100)
    assert {node["state"] for node in shown["nodes"]} == {"ready"}
    assert lab.in_machine(MEMBER, "! ls /var/lib/etcd/slipway-backups/*.db") == 0


def test_an_older_backup_is_removed_after_the_next_one(lab: Lab, built: dict[str, Any]) -> None:
    before = lab.call("GET", f"/api/clusters/{NAME}/backups").json()["backups"]
    (newest,) = back_up(lab)
    assert newest["id"] > before[0]["id"]
    folder = newest["blob"].rpartition("/")[0]
    left = {name.rpartition("/")[2] for name in blobs(lab).list(folder)}
    assert left == {f"{newest['id']}.db", f"{newest['id']}.json"}


def test_the_address_for_the_upload_is_in_nothing_that_is_kept(
    lab: Lab, built: dict[str, Any]
) -> None:
    kept = [json.dumps(lab.events(NAME)), *lab.slack()]
    kept += [path.read_text(errors="replace") for path in (STATE / "logs").glob("*.log")]
    assert not any("sig=" in text for text in kept)


def test_a_member_that_is_away_ends_the_backup_with_its_cause(
    lab: Lab, built: dict[str, Any]
) -> None:
    """The cluster's state stays as it was, and the next backup succeeds."""
    assert lab.in_machine(MEMBER, "systemctl stop etcd") == 0
    accepted = lab.call("POST", f"/api/clusters/{NAME}/backups")
    lab.until("a note", lambda: any("no snapshot" in e["text"] for e in lab.events(NAME)))
    assert lab.call("POST", f"/api/clusters/{NAME}/cancel").status_code == 202
    assert lab.follow(accepted.headers["Location"]).status_code == 409
    assert lab.call("GET", f"/api/clusters/{NAME}").json()["state"] == "ready"
    assert lab.in_machine(MEMBER, "systemctl start etcd") == 0
    assert back_up(lab)


def test_a_removal_takes_the_backups_with_it(lab: Lab, built: dict[str, Any]) -> None:
    accepted = lab.call("DELETE", f"/api/clusters/{NAME}")
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    assert blobs(lab).list(f"backups/{NAME}/") == []
