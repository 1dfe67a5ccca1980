"""Questions to the machines of the whole cluster."""

from tests.lab.conftest import Lab

KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=6s"
ETCDCTL = (
    "etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/client.crt "
    "--key=/etc/etcd/pki/client.key"
)


def members(lab: Lab, role: str) -> list[str]:
    nodes = lab.call("GET", "/api/clusters/whole").json()["nodes"]
    return [node["name"] for node in nodes if node["role"] == role]


def kubectl(lab: Lab, arguments: str, member: int = 1) -> bool:
    return lab.in_machine(members(lab, "control-plane")[member], f"{KUBECTL} {arguments}") == 0
