"""A worker's root asks a living API server for serving certificates that are not its own."""

import pytest
import requests

from tests.kubernetes.machines import kubectl, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

# The attribute imitates the extension in the text that openssl prints.
ASK = r"""
set -e
cd $(mktemp -d)
cat >c <<END
[req]
distinguished_name = d
attributes = a
req_extensions = e
prompt = no
string_mask = utf8only
[d]
O = system:nodes
CN = system:node:{node}
[a]
{attribute}
[e]
subjectAltName = {names}
END
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k
openssl req -new -key k -config c -out r
cat >o <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec:
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, server auth]
  request: $(base64 -w0 r)
END
kubectl --kubeconfig=/etc/kubernetes/kubelet.conf create --filename=o
"""
APPROVE = "systemctl start slipway-approve-serving"
ATTRIBUTE = "unstructuredName = Subject Alternative Name: DNS:{node}"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def test_only_a_nodes_own_request_is_approved(lab: Lab) -> None:
    node, other = members(lab, "worker")[:2]
    asked = {
        "evil": ("DNS:kubernetes.default.svc,IP:10.96.0.1", ATTRIBUTE.format(node=node)),
        "marked": (f"DNS:{node}", ATTRIBUTE.format(node=node)),
        "other": (f"DNS:{other}", ""),
        "more": (f"DNS:{node},DNS:api.whole.slipway.internal", ""),
        "own": (f"DNS:{node}", ""),
    }
    for name, (names, attribute) in asked.items():
        script = ASK.format(node=node, name=name, names=names, attribute=attribute)
        assert lab.in_machine(node, script) == 0, name
    assert lab.in_machine(members(lab, "control-plane")[0], APPROVE) == 0
    issued = "get csr {} -o jsonpath='{{.status.certificate}}' | grep -q ."
    for name in asked:
        approved = f"get csr {name} -o jsonpath='{{.status.conditions}}' | grep -q Approved"
        assert kubectl(lab, approved) == (name == "own"), name
    assert not kubectl(lab, issued.format("evil"))
