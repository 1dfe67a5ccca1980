"""Questions to the machines of the whole cluster."""

from cluster.roles import CONTROL_PLANE
from tests.lab.conftest import Lab

KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=6s"
ETCDCTL = (
    "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/client.crt "
    "--key=/etc/etcd/pki/client.key"
)
# What a failed comparison shows: the tasks that changed something, and where.
CHANGED = (
    "awk '/^TASK|^RUNNING HANDLER/ {task = $0} /^changed:/ {print task, $0}' "
    "$(ls -t /var/lib/slipway/runs/*/play.log | head -1)"
)


def recap(lab: Lab) -> str:
    """The last play's counts; pytest shows the rest where a test fails."""
    lab.in_machine("whole-controller", CHANGED)
    return [event["text"] for event in lab.events("whole") if "recap" in event["text"]][-1]


def members(lab: Lab, role: str) -> list[str]:
    nodes = lab.call("GET", "/api/clusters/whole").json()["nodes"]
    return [node["name"] for node in nodes if node["role"] == role]


def kubectl(lab: Lab, arguments: str, member: int = 1) -> bool:
    return lab.in_machine(members(lab, CONTROL_PLANE)[member], f"{KUBECTL} {arguments}") == 0
