"""What a test asks of a cluster that changes: a load with a budget, and a client's questions."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cluster.addresses import api_address
from cluster.roles import CONTROL_PLANE, WORKER
from cluster.spec_rules import parse_spec
from tests.kubernetes.machines import KUBECTL, kubectl, members
from tests.lab.conftest import Lab

# Two replicas that only wait, of the one image that every node has, on different nodes.
LOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: web}}
      containers:
        - name: web
          image: IMAGE
          args: [-dns.port=5301]
          securityContext: {capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-budget, namespace: default}
spec: {minAvailable: MINIMUM, selector: {matchLabels: {app: web}}}
"""
IMAGE = (
    f"$({KUBECTL} -n kube-system get deployment coredns "
    "-o jsonpath='{.spec.template.spec.containers[0].image}')"
)
AVAILABLE = "wait deployment/web --for=jsonpath='{.status.availableReplicas}'=2 --timeout=5s"
# A question ends after this many seconds.
ANSWER_SECONDS = 3
READY = f"curl -skf -m {ANSWER_SECONDS} -o /dev/null https://API:6443/readyz"
API_NAME = "api.whole.slipway.internal"
SECONDS_BETWEEN_QUESTIONS = 1.0


def start_load(lab: Lab, minimum: int) -> None:
    """Starts the load and waits until it runs. `minimum`: the pods that its budget keeps."""
    load = LOAD.replace("MINIMUM", str(minimum))
    script = f"cat >/root/load.yml <<'END'\n{load}END\n"
    script += f'sed -i "s|IMAGE|{IMAGE}|" /root/load.yml && {KUBECTL} apply -f /root/load.yml'
    assert lab.in_machine(members(lab, CONTROL_PLANE)[0], script) == 0
    until_available(lab)


def until_available(lab: Lab) -> None:
    lab.until("both replicas run", lambda: kubectl(lab, AVAILABLE, 0))


@contextmanager
def asked_each_second[Answer](ask: Callable[[], Answer]) -> Iterator[list[tuple[float, Answer]]]:
    """Asks until the end of the block. Each answer has the monotonic time of its question."""
    answers: list[tuple[float, Answer]] = []
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            began = time.monotonic()
            answers.append((began, ask()))
            ended.wait(max(0.0, SECONDS_BETWEEN_QUESTIONS - (time.monotonic() - began)))

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def is_api_ready(lab: Lab) -> Callable[[], bool]:
    """Returns a question of a worker to the API, by its one name, through its load balancer."""
    worker, ready = members(lab, WORKER)[0], READY.replace("API", API_NAME)
    return lambda: lab.in_machine(worker, ready) == 0


def is_api_ready_for_the_controller(lab: Lab, spec: dict[str, Any]) -> Callable[[], bool]:
    """Returns a question of the controller to the API, by the address of its load balancer. The
    controller outlives all nodes, and does not know the name."""
    ready = READY.replace("API", api_address(parse_spec(spec, spec["name"])))
    return lambda: lab.in_machine("whole-controller", ready) == 0


def questions(lab: Lab) -> Callable[[], tuple[bool, bool]]:
    """Returns a question: is the API ready by its one name, and is a pod of the load."""
    is_ready, planes = is_api_ready(lab), members(lab, CONTROL_PLANE)
    available = (
        f"{KUBECTL} -n default get deployment web -o jsonpath='{{.status.availableReplicas}}' "
        "| grep -q '[12]'"
    )

    def ask() -> tuple[bool, bool]:
        # Each control plane asks its own API server, and one of these may restart.
        return is_ready(), any(lab.in_machine(plane, available) == 0 for plane in planes)

    return ask
