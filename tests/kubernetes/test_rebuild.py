"""The same PUT creates lost machines again and completes interrupted joins."""

import pytest
import requests

from cluster.roles import CONTROL_PLANE, ETCD, WORKER
from tests.kubernetes.conftest import SPEC
from tests.kubernetes.machines import ETCDCTL, KUBECTL, kubectl, members, recap
from tests.lab.conftest import Lab
from tests.lab.portal import Portal

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

TOKEN = "slwtst.0123456789abcdef"
# What a broken join leaves, made by breaking one: kubeadm is killed as soon as a file is there.
BROKEN_JOIN = f"""
set -e
ca=$(base64 -w0 /etc/kubernetes/pki/ca.crt)
kept=$(mktemp -d)
cp -a /etc/kubernetes/pki/. $kept
systemctl stop kubelet
systemctl stop slipway-api-address 2>/dev/null || true
kubeadm reset --force >/dev/null 2>&1
rm -f /etc/kubernetes/slipway-member
if [ -e $kept/ca.key ]; then
  mkdir -p /etc/kubernetes/pki
  cp -a $kept/ca.* $kept/sa.* $kept/front-proxy-ca.* /etc/kubernetes/pki
fi
cat >/etc/kubernetes/discovery.conf <<END
apiVersion: v1
kind: Config
clusters:
  - name: whole
    cluster: {{server: "https://api.whole.slipway.internal:6443", certificate-authority-data: $ca}}
users: [{{name: bootstrap, user: {{token: {TOKEN}}}}}]
contexts: [{{name: bootstrap, context: {{cluster: whole, user: bootstrap}}}}]
current-context: bootstrap
END
# The load balancer must have noticed that this machine does not answer any more.
for i in $(seq 60); do
  for j in 1 2 3 4 5 6; do
    curl -skf -m 2 -o /dev/null https://api.whole.slipway.internal:6443/readyz || continue 2
  done
  break
done
kubeadm join --config=/etc/kubernetes/kubeadm.yml >/var/tmp/join.log 2>&1 &
for i in $(seq 600); do
  [ -e $AWAITED ] && break
  kill -0 $! || {{ cat /var/tmp/join.log; exit 3; }}
  sleep 0.1
done
kill -KILL $!
test -e $AWAITED
"""
PREFLIGHT = "kubeadm join phase preflight --config=/etc/kubernetes/kubeadm.yml"
DISCOVERY = "/etc/kubernetes/discovery.conf"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def again(lab: Lab) -> None:
    """The same PUT."""
    answer = lab.apply(SPEC, seconds=900)
    assert answer.status_code == 200, answer.text


def full_pass(lab: Lab) -> str:
    """The recap of a play on every machine."""
    answer = lab.apply(SPEC, seconds=900, full=True)
    assert answer.status_code == 200, answer.text
    return recap(lab)


def test_a_controller_that_was_lost_is_made_again_and_changes_no_node(lab: Lab) -> None:
    nodes = [name for role in (CONTROL_PLANE, ETCD, WORKER) for name in members(lab, role)]
    units = "systemctl show --property=Id,MainPID containerd kubelet etcd flannel"
    for name in nodes:
        assert lab.in_machine(name, f"touch /var/tmp/before && {units} > /var/tmp/units") == 0
    Portal(lab, "whole-rg").delete_machine("whole-controller")
    full_pass(lab)
    written = "find /etc /opt /usr/local -newer /var/tmp/before -type f"
    for name in nodes:
        assert lab.in_machine(name, f"! {written} | grep .") == 0, name
        assert lab.in_machine(name, f"{units} | diff /var/tmp/units -") == 0, name


def test_nodes_and_a_member_that_were_lost_at_once_come_back_under_their_names(lab: Lab) -> None:
    portal = Portal(lab, "whole-rg")
    first, lost = members(lab, CONTROL_PLANE)[0], members(lab, ETCD)[1]
    worker = members(lab, WORKER)[0]
    assert kubectl(lab, "-n default create configmap kept --from-literal=word=kept")
    uid = f"{KUBECTL} get node {{}} -o jsonpath='{{.metadata.uid}}'"
    asked = members(lab, CONTROL_PLANE)[1]
    for name in (first, worker):
        assert lab.in_machine(asked, f"{uid.replace('{}', name)} > /var/tmp/uid-{name}") == 0
    for name in (first, lost, worker):
        portal.delete_machine(name)
    portal.delete_disk(f"{lost}-data-0")
    again(lab)
    for name in (first, worker):
        now = uid.replace("{}", name)
        assert lab.in_machine(asked, f'test "$({now})" != "$(cat /var/tmp/uid-{name})"') == 0
    assert kubectl(lab, "get configmap kept -o yaml | grep -q 'word: kept'", member=0)
    assert kubectl(lab, f"get node {worker} -o yaml | grep -q 'tier: web'")
    healthy = f"{ETCDCTL} endpoint health --cluster"
    started = f'test "$({ETCDCTL} member list | grep -c started)" = 3'
    for name in members(lab, ETCD):
        assert lab.in_machine(name, f"{healthy} && {started}") == 0, name
    assert "changed=0 failed=0" in full_pass(lab)


def test_a_member_on_a_new_machine_continues_with_the_data_of_its_old_disk(lab: Lab) -> None:
    name = members(lab, ETCD)[2]
    # Etcd's user may have another number there.
    moved = "systemctl stop etcd && chown -R 4242:4242 /var/lib/etcd/member-data"
    own = f"{ETCDCTL} member list | grep {name}"
    assert lab.in_machine(name, f"{own} >/var/tmp/member && {moved}") == 0
    assert lab.in_machine(name, "rm /etc/etcd/etcd.yml") == 0
    again(lab)
    assert lab.in_machine(name, f"{ETCDCTL} endpoint health && {own} | diff /var/tmp/member -") == 0


@pytest.mark.parametrize(
    ("role", "awaited"),
    [
        (WORKER, "/etc/kubernetes/bootstrap-kubelet.conf"),
        (CONTROL_PLANE, "/etc/kubernetes/manifests/kube-scheduler.yaml"),
    ],
)
def test_a_join_that_ended_midway_is_cleared_and_made_again(
    lab: Lab, role: str, awaited: str
) -> None:
    name = members(lab, role)[1]
    kubeadm = "kubeadm --kubeconfig=/etc/kubernetes/admin.conf token create --ttl=10m"
    asked = members(lab, CONTROL_PLANE)[0]
    lab.in_machine(asked, f"kubeadm --kubeconfig=/etc/kubernetes/admin.conf token delete {TOKEN}")
    assert lab.in_machine(asked, f"{kubeadm} {TOKEN} && {KUBECTL} delete node {name}") == 0
    assert lab.in_machine(name, f"AWAITED={awaited}\n{BROKEN_JOIN}") == 0
    stumbles = f"{PREFLIGHT} 2>&1 | grep FileAvailable && rm {DISCOVERY}"
    assert lab.in_machine(name, stumbles) == 0
    again(lab)
    assert kubectl(lab, f"get node {name}", member=0)
    assert "changed=0 failed=0" in full_pass(lab)
