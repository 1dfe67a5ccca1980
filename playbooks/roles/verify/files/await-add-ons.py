"""Waits until the add-ons' deployments are available, and the API groups that they serve.

Usage: await-add-ons.py KUBECONFIG SECONDS < JSON

The JSON is a list of add-ons with `name`, `deployments` (in kube-system) and `api_services`. It
waits SECONDS at most, and ends early if for a while no pod can start, for example because its image
is missing. If it fails, it prints JSON like await-cluster.py: `cause`, which names what is not
available, the reasons of the pods and the last line of their log; `silent` is empty. The exit code
is then 1.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from cluster_troubles import conditions, is_hopeless, pod_trouble, short

PAUSE_SECONDS, STEADY_SECONDS = 1.0, 45.0
SYSTEM, LABEL = "kube-system", "slipway.dev/add-on"
PODS_TOLD = 2


def kubectl(config: str, *arguments: str) -> str:
    """The output; nothing if the API server does not answer, or there is no such object."""
    command = ["kubectl", f"--kubeconfig={config}", "--request-timeout=8s", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


class AddOns:
    """`ask` asks kubectl. `add_ons`: those that the spec asks for."""

    def __init__(self, ask: Callable[..., str], add_ons: list[dict], seconds: float) -> None:
        self._ask, self._add_ons, self._seconds = ask, add_ons, seconds

    def wait(self) -> str:
        """Returns why they do not work; nothing if they do."""
        began, hopeless_since = time.monotonic(), None
        while faults := self._faults():
            now = time.monotonic()
            hopeless_since = (hopeless_since or now) if self._hopeless() else None
            stuck = hopeless_since is not None and now - hopeless_since >= STEADY_SECONDS
            if stuck or now - began > self._seconds:
                end = "and nothing can change that" if stuck else "in time"
                after = f"after {now - began:.0f} s, {end}"
                return f"add-ons do not work {after}: {'; '.join(faults + self._of_pods())}"
            time.sleep(PAUSE_SECONDS)
        return ""

    def _faults(self) -> list[str]:
        faults = []
        for add_on in self._add_ons:
            for name in add_on["deployments"]:
                found = self._get(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{name}")
                if fault := deployment_fault(found):
                    faults.append(f"{add_on['name']}: deployment {name} {fault}")
            for name in add_on["api_services"]:
                found = self._get(f"/apis/apiregistration.k8s.io/v1/apiservices/{name}")
                if fault := api_service_fault(found):
                    faults.append(f"{add_on['name']}: API service {name} {fault}")
        return faults

    def _pods(self) -> list[dict]:
        names = ",".join(add_on["name"] for add_on in self._add_ons)
        selector = f"labelSelector={LABEL}%20in%20({names})"
        return self._get(f"/api/v1/namespaces/{SYSTEM}/pods?{selector}").get("items", [])

    def _hopeless(self) -> bool:
        return is_hopeless(self._pods(), self._get("/api/v1/nodes").get("items", []))

    def _of_pods(self) -> list[str]:
        """What is wrong with pods, and what they wrote last."""
        told = []
        for pod in [pod for pod in self._pods() if pod_trouble(pod)][:PODS_TOLD]:
            name = pod["metadata"]["name"]
            told.append(f"pod {name}: {pod_trouble(pod)}")
            log = self._ask("logs", name, f"--namespace={SYSTEM}", "--tail=1").strip()
            if log:
                told.append(f"its log ends with: {short(log)}")
        return told

    def _get(self, path: str) -> dict:
        return json.loads(self._ask("get", f"--raw={path}") or "{}")


def deployment_fault(found: dict) -> str:
    """Returns why the deployment does not serve; nothing if it does."""
    if not found:
        return "is not there"
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return "was changed, and no controller has seen that"
    ready = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return "" if ready >= wanted else f"has {ready} of {wanted} pods available"


def api_service_fault(found: dict) -> str:
    """Returns why the API server cannot use it; nothing if it can."""
    if not found:
        return "is not there"
    available = conditions(found).get("Available", {})
    if available.get("status") == "True":
        return ""
    return f"is not available ({short(available.get('message', 'no report'))})"


def main() -> None:
    config, seconds = sys.argv[1:]
    add_ons = json.load(sys.stdin)
    cause = AddOns(lambda *words: kubectl(config, *words), add_ons, float(seconds)).wait()
    if cause:
        json.dump({"cause": cause, "silent": []}, sys.stdout)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
