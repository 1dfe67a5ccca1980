"""One call turns a spec into configured machines; these tests check the machines themselves."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.azure.arm import ResourceGroups
from clients.azure.blobs import Blobs
from cluster import names
from tests.lab.conftest import STATE

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
ETCDCTL = (
    "etcdctl --endpoints=https://10.90.2.4:2379 --cacert=/etc/etcd/pki/ca.crt "
    "--cert=/etc/etcd/pki/client.crt --key=/etc/etcd/pki/client.key "
)


def test_the_run_succeeds_and_its_checks_come_from_the_systems(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text
    checks = cluster.json()["checks"]
    assert {check["name"] for check in checks} == {
        "etcd on first-etcd-0",
        "etcd disk on first-etcd-0",
        "containerd on first-control-plane-0",
        "containerd on first-worker-0",
    }
    assert all(check["ok"] for check in checks)


def test_with_every_activity_twice_nothing_happened_twice(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    events = lab.events("first")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    recaps = [event for event in events if event["text"].startswith("recap:")]
    assert len(recaps) == 1
    said = [json.loads(line)["text"] for line in lab.slack()]
    assert len(said) == len(set(said))
    assert any("first is as asked" in text for text in said)
    vault = json.loads((STATE / "vault.json").read_text())["secrets"]
    ours = {name: versions for name, versions in vault.items() if name.startswith("first-")}
    assert ours
    assert all(len(versions) == 1 for versions in ours.values())


def test_the_status_names_every_node_ready_and_every_phase_done(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    found = lab.call("GET", "/api/clusters/first").json()
    assert (found["state"], found["percent"]) == ("ready", 100)
    assert {node["state"] for node in found["nodes"]} == {"ready"}
    assert {phase["state"] for phase in found["phases"]} == {"done"}


def test_the_controller_is_deallocated(lab: Any, cluster: requests.Response) -> None:
    assert cluster.status_code == 200
    assert lab.in_machine("first-worker-0", "true") == 0
    pid = STATE / "machines" / "first-rg--first-controller" / "pid"
    assert not pid.exists()


def test_the_whole_log_of_the_play_is_in_blob_storage_and_on_the_controller(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    disk = STATE / "machines/first-rg--first-controller/up/var/lib/slipway/runs"
    logs = sorted(disk.glob("*/play.log"))
    assert len(logs) == 1, logs
    written = logs[0].read_bytes()
    assert b"PLAY RECAP" in written
    blobs = Blobs(replace(lab.settings(), storage=lab.info.info["storage"]))
    found = blobs.read(names.run_blob("first", 1, "play-1.log"))
    assert found is not None
    assert found[0] == written


def test_etcd_wants_a_client_certificate_and_keeps_its_data_on_the_disk(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    node = "first-etcd-0"
    assert lab.in_machine(node, f"{ETCDCTL} put a b && {ETCDCTL} get a | grep -q b") == 0
    without = "curl -sk --max-time 5 https://10.90.2.4:2379/health"
    assert lab.in_machine(node, without) != 0
    assert lab.in_machine(node, "findmnt -no SOURCE /var/lib/etcd | grep -q by-lun/0") == 0
    assert lab.in_machine(node, "stat -c %U /var/lib/etcd | grep -q etcd") == 0


def test_the_private_key_is_on_no_node_and_off_the_disks(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    vault = json.loads((STATE / "vault.json").read_text())["secrets"]
    name = next(n for n in vault if n.startswith("first-") and n.endswith("-ssh-key"))
    # The middle of the key's text: no line of it may be anywhere on a machine's disk.
    line = vault[name][-1]["value"].splitlines()[3].encode()
    found: list[Path] = []
    for layer in STATE.glob("machines/*/up"):
        for path in layer.rglob("*"):
            if path.is_file() and not path.is_symlink() and line in path.read_bytes():
                found.append(path)
    assert found == []
    blobs = [path for path in (STATE / "blobs").rglob("*") if path.is_file()]
    assert blobs
    assert [path for path in blobs if line in path.read_bytes()] == []


def test_who_may_reach_whom_is_enforced(lab: Any, cluster: requests.Response) -> None:
    assert cluster.status_code == 200

    def reaches(source: str, address: str, port: int) -> bool:
        script = f"timeout 2 bash -c '</dev/tcp/{address}/{port}'"
        return lab.in_machine(source, script) == 0

    assert reaches("first-control-plane-0", "10.90.2.4", 2379)
    assert not reaches("first-worker-0", "10.90.2.4", 2379)
    assert not reaches("first-worker-0", "10.90.1.4", 22)
    assert not reaches("first-control-plane-0", "10.90.2.4", 22)
    assert not reaches("first-worker-0", "10.90.2.4", 3333)


def test_a_full_pass_changes_nothing(lab: Any, cluster: requests.Response) -> None:
    assert cluster.status_code == 200
    again = lab.apply({"name": "first"} | spec(lab), full=True)
    assert again.status_code == 200, again.text
    recap = next(e["text"] for e in lab.events("first") if e["text"].startswith("recap:"))
    assert "changed=0 failed=0 unreachable=0" in recap


def test_a_time_service_whose_file_came_with_the_image_reads_our_settings(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    line, file = "^confdir /etc/chrony/conf.d$", "/etc/chrony/chrony.conf"
    assert lab.in_machine("first-worker-0", f"sed -i '\\#{line}#d' {file}") == 0
    again = lab.apply({"name": "first"} | spec(lab), full=True)
    assert again.status_code == 200, again.text
    recap = next(e["text"] for e in lab.events("first") if e["text"].startswith("recap:"))
    assert "changed=2 failed=0 unreachable=0" in recap
    assert lab.in_machine("first-worker-0", f"grep -q '{line}' {file}") == 0
    assert lab.in_machine("first-worker-0", "test $(chronyc -n tracking | wc -l) -gt 1") == 0


def spec(lab: Any) -> dict[str, Any]:
    return lab.call("GET", "/api/clusters/first").json()["spec"]


def test_a_spec_that_the_living_cluster_cannot_become_is_refused(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    changed = spec(lab) | {"etcd": {"count": 5}}
    answer = lab.call("PUT", "/api/clusters/first", changed)
    assert answer.status_code == 400
    assert answer.json()["faults"][0]["path"].startswith("etcd")


def test_growing_a_pool_touches_only_the_new_node(lab: Any, cluster: requests.Response) -> None:
    assert cluster.status_code == 200
    before = lab.call("GET", "/api/clusters/first").json()["nodes"]
    grown = spec(lab)
    grown["workers"][0]["count"] = 2
    grown["playbook"] = {"through": "wait"}
    assert lab.apply(grown).status_code == 200
    after = lab.call("GET", "/api/clusters/first").json()["nodes"]
    assert [node for node in after if node["name"] not in {n["name"] for n in before}] == [
        {
            "name": "first-worker-1",
            "role": "worker",
            "pool": "worker",
            "address": "10.90.16.5",
            "state": "ready",
            "kubernetesVersion": None,
        }
    ]
    started = [e["text"] for e in lab.events("first") if e["text"].endswith(" started")]
    assert "deployment worker-0 started" in started
    assert "deployment etcd-0 started" not in started


def test_a_refusal_by_azure_comes_before_any_machine(lab: Any) -> None:
    lab.faults(arm={"quota": {"cores": 1}})
    try:
        failed = lab.apply(
            {"name": "poor", "network": {"vnetCidr": "10.91.0.0/16", "subnets": subnets(91)}}
        )
    finally:
        lab.faults()
    assert failed.status_code == 424
    cause = failed.json()["cause"]
    assert (cause["code"], cause["phase"]) == ("PreflightFailed", "preflight")
    assert "cores" in cause["message"]
    assert not list(STATE.glob("machines/poor-rg--*"))
    removed = lab.call("DELETE", "/api/clusters/poor")
    assert lab.follow(removed.headers["Location"]).status_code == 200


def subnets(second: int) -> dict[str, str]:
    names = ("controller", "controlPlane", "etcd")
    return {name: f"10.{second}.{number}.0/24" for number, name in enumerate(names)}


def test_a_cancelled_run_ends_in_order_and_a_removal_leaves_nothing(lab: Any) -> None:
    wanted = {
        "name": "gone",
        "network": {"vnetCidr": "10.92.0.0/16", "subnets": subnets(92)},
        "etcd": {"count": 1},
        "workers": [],
    }
    accepted = lab.call("PUT", "/api/clusters/gone", wanted)
    other = lab.call("PUT", "/api/clusters/gone", wanted | {"tags": {"a": "b"}})
    assert other.status_code == 409
    assert other.json()["operation"] == accepted.headers["Location"]
    same = lab.call("PUT", "/api/clusters/gone", wanted)
    assert same.json()["joined"] is True
    assert lab.call("POST", "/api/clusters/gone/cancel").status_code == 202
    ended = lab.follow(accepted.headers["Location"])
    assert ended.status_code == 409
    assert ended.json()["cause"]["code"] == "Cancelled"
    removed = lab.call("DELETE", "/api/clusters/gone")
    assert lab.follow(removed.headers["Location"]).status_code == 200
    assert not list(STATE.glob("machines/gone-rg--*"))
    # The operation has its result a moment before the record is closed: a removal joins it then.
    lab.until(
        "nothing is left to remove",
        lambda: lab.call("DELETE", "/api/clusters/gone").status_code == 404,
    )


def groups(lab: Any) -> ResourceGroups:
    """Changes resources in ARM outside of Slipway."""
    return ResourceGroups(lab.settings())


def group(lab: Any, name: str, tags: dict[str, str]) -> None:
    groups(lab).create(name, "westeurope", tags)


def test_events_of_resource_groups_start_what_their_tag_asks_for_and_nothing_else(
    lab: Any,
) -> None:
    group(lab, "plain", {})
    assert lab.event("plain") == 202
    assert lab.event("nobody-knows") == 202
    group(lab, "wrong", {"slipway": "small;workers=99"})
    assert lab.event("wrong", type="Microsoft.Resources.Other") == 202
    assert lab.call("GET", "/api/clusters/wrong").status_code == 404
    assert lab.event("wrong") == 202
    assert lab.event("wrong") == 202
    told = lab.call("GET", "/api/clusters/wrong").json()
    assert told["cause"]["code"] == "TagRefused"
    assert "1 to 5" in told["cause"]["message"]
    assert sum("workers" in line and "out of bounds" in line for line in lab.slack()) == 1
    assert lab.call("GET", "/api/clusters/plain").status_code == 404


def test_a_tagged_group_starts_one_run_and_a_tombstone_keeps_it_from_another(lab: Any) -> None:
    group(lab, "team-a", {"slipway": "small;workers=1"})
    assert lab.event("team-a") == 202
    assert lab.event("team-a") == 202
    found = lab.call("GET", "/api/clusters/team-a").json()
    assert (found["generation"], found["caller"]) == (1, "event grid")
    assert found["spec"]["workers"][0]["count"] == 1
    removed = lab.call("DELETE", "/api/clusters/team-a")
    assert lab.follow(removed.headers["Location"]).status_code == 200
    assert lab.event("team-a") == 202
    assert lab.call("GET", "/api/clusters/team-a").json()["state"] == "deleted"


def test_a_group_that_is_deleted_elsewhere_closes_its_clusters_record(lab: Any) -> None:
    group(lab, "wrong-two", {"slipway": "nothing"})
    assert lab.event("wrong-two") == 202
    assert lab.call("GET", "/api/clusters/wrong-two").json()["state"] == "failed"
    groups(lab).begin_delete("wrong-two")
    for _ in range(50):
        if not groups(lab).exists("wrong-two"):
            break
        time.sleep(0.1)
    gone = {
        "type": "Microsoft.Resources.ResourceDeleteSuccess",
        "data": {"operationName": "Microsoft.Resources/subscriptions/resourceGroups/delete"},
    }
    assert lab.event("wrong-two", **gone) == 202
    assert lab.call("GET", "/api/clusters/wrong-two").json()["state"] == "deleted"


def test_keys_bodies_and_types_are_checked(lab: Any) -> None:
    url = f"{lab.info.url}/api/clusters/keys"
    key = {"x-functions-key": lab.info.key}
    assert requests.put(url, json={}, timeout=10).status_code == 401
    large = requests.put(url, data=b"x" * 70_000, headers=key, timeout=10)
    assert large.status_code == 413
    text = requests.put(url, data=b"x", headers=key | {"content-type": "text/plain"}, timeout=10)
    assert text.status_code == 415
    broken = requests.put(
        url, data=b"{", headers=key | {"content-type": "application/json"}, timeout=10
    )
    assert broken.status_code == 400
    assert broken.headers["content-type"].startswith("application/problem+json")
    documents = lab.call("GET", "/api/openapi.json").json()
    assert documents["openapi"] == "3.1.0"
    assert lab.call("GET", "/api/schema").json()["title"] == "ClusterSpec"
