"""Deployments: resources put in order of their dependencies, independent ones at once."""

import copy
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

from lab.arm import answers, compute, network
from lab.arm.errors import ArmError
from lab.arm.faults import Faults
from lab.arm.kinds import kind_of, refuse_immutable
from lab.arm.state import ArmState
from lab.arm.template import Concrete, Evaluation, evaluate
from lab.fabric import Fabric, FabricError

PARALLEL = 4
DEPLOYMENT_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for "
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."
)


class Deployer:
    """Runs deployments in threads of their own."""

    def __init__(self, state: ArmState, fabric: Fabric, faults: Faults, subscription: str) -> None:
        self._state, self._fabric, self._faults = state, fabric, faults
        self._subscription = subscription
        self._network = threading.Lock()
        self._applied: Any = None

    def check(self, group: str, location: str, body: dict[str, Any]) -> Evaluation:
        """Everything that validation finds; raises ArmError."""
        properties = body.get("properties") or {}
        evaluation = evaluate(
            properties.get("template") or {},
            properties.get("parameters") or {},
            group=group,
            location=location,
            subscription=self._subscription,
        )
        for concrete in evaluation.resources:
            kind_of(concrete)
            if concrete.type.lower() == "microsoft.resources/deployments":
                self.check(
                    str(concrete.body.get("resourceGroup") or group), location, concrete.body
                )
        return evaluation

    def start(self, key: str, group: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Checks, then runs in the background; returns the deployment as accepted."""
        location = self._state.groups[group.lower()]["location"]
        evaluation = self.check(group, location, body)
        declared = body["properties"]["template"].get("parameters") or {}
        deployment: dict[str, Any] = {
            "id": key,
            "name": name,
            "type": "Microsoft.Resources/deployments",
            "properties": {
                "templateHash": answers.template_hash(body["properties"]["template"]),
                "mode": "Incremental",
                "provisioningState": "Accepted",
                "timestamp": datetime.now(UTC).isoformat(),
                "duration": "PT0S",
                "correlationId": key.rpartition("/")[2],
                "parameters": answers.echo(declared, evaluation.parameters),
                "providers": answers.providers(evaluation, location),
                "dependencies": [],
            },
            "operations": [],
        }
        with self._state.lock:
            self._state.deployments[key.lower()] = deployment
        self._state.save()
        accepted = copy.deepcopy(deployment)
        threading.Thread(
            target=self._run, args=(deployment, group, location, evaluation), daemon=True
        ).start()
        return accepted

    def _run(
        self, deployment: dict[str, Any], group: str, location: str, evaluation: Evaluation
    ) -> None:
        properties = deployment["properties"]
        properties["provisioningState"] = "Running"
        errors = self._put_all(deployment, group, location, evaluation)
        if not errors and properties["provisioningState"] == "Running":
            try:
                self._apply_network()
                properties["outputs"] = evaluation.outputs(self._reference)
                deployment["operations"].append(answers.operation(deployment, None, None))
            except (ArmError, FabricError) as error:
                errors = [error if isinstance(error, ArmError) else _of_fabric(error)]
        if errors:
            properties["error"] = {
                "code": "DeploymentFailed",
                "message": DEPLOYMENT_FAILED,
                "details": [answers.nested(error) for error in errors],
            }
        else:
            properties["outputResources"] = [{"id": c.id} for c in evaluation.resources]
        started = datetime.fromisoformat(properties["timestamp"])
        seconds = (datetime.now(UTC) - started).total_seconds()
        properties["duration"] = f"PT{seconds:.7f}S"
        if properties["provisioningState"] == "Running":
            properties["provisioningState"] = "Failed" if errors else "Succeeded"
        self._state.save()

    def _put_all(
        self, deployment: dict[str, Any], group: str, location: str, evaluation: Evaluation
    ) -> list[ArmError]:
        waiting = {c.id.lower(): c for c in evaluation.resources}
        done: set[str] = set()
        errors: list[ArmError] = []
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(PARALLEL) as pool:
            while waiting or running:
                cancelled = deployment["properties"]["provisioningState"] == "Canceled"
                ready = [k for k, c in waiting.items() if set(c.depends_on) <= done]
                if cancelled or errors:
                    ready, waiting = [], {}
                for key in ready:
                    concrete = waiting.pop(key)
                    running[pool.submit(self._put, group, location, concrete)] = key
                    deployment["operations"].append(answers.operation(deployment, concrete, None))
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    key = running.pop(future)
                    error = future.exception()
                    if error is None:
                        done.add(key)
                        continue
                    found = error if isinstance(error, ArmError) else _of_fabric(error)
                    errors.append(found)
                    deployment["operations"].append(
                        answers.operation(deployment, _by_key(evaluation, key), found)
                    )
        return errors

    def _put(self, group: str, location: str, concrete: Concrete) -> None:
        kind = kind_of(concrete)
        self._faults.before_put(concrete.type, concrete.name)
        state, identity = self._state, concrete.id.lower()
        with state.lock:
            old = state.get(concrete.id)
            if old is not None and old["properties"].get("provisioningState") == "Succeeded":
                refuse_immutable(kind, old["body"], concrete)
                if old["body"] == concrete.body:
                    return
            network.check_network(state, concrete)
            machine = concrete.type.lower() == "microsoft.compute/virtualmachines"
            if machine:
                compute.check_machine(state, concrete, self._faults.restricted)
            properties = dict(concrete.body.get("properties") or {})
            properties["provisioningState"] = "Creating" if machine else "Succeeded"
            network.fill_in(state, concrete, properties)
            state.resources[identity] = {
                "id": concrete.id,
                "name": concrete.name.rpartition("/")[2],
                "type": concrete.type,
                "location": concrete.body.get("location", location),
                "tags": concrete.body.get("tags") or {},
                "group": group.lower(),
                "properties": properties,
                "body": concrete.body,
                **{k: concrete.body[k] for k in ("sku", "zones") if k in concrete.body},
            }
        if machine:
            self._create(concrete)
        state.save()

    def _create(self, concrete: Concrete) -> None:
        resource = self._state.resources[concrete.id.lower()]
        try:
            self._apply_network()
            self._faults.before_create(concrete.name)
            compute.create_machine(self._state, self._fabric, concrete)
        except (ArmError, FabricError):
            resource["properties"]["provisioningState"] = "Failed"
            raise
        resource["properties"]["provisioningState"] = "Succeeded"

    def _apply_network(self) -> None:
        """The fabric is told only what changed as a whole: the same network twice is one call."""
        with self._network:
            wanted = network.network_state(self._state)
            if wanted != self._applied:
                self._fabric.apply_network(wanted)
                self._applied = wanted

    def refresh_network(self) -> None:
        self._apply_network()

    def _reference(self, target: str, full: bool) -> Any:
        found = self._state.get(target)
        if found is None:
            raise ArmError(404, "ResourceNotFound", f"'{target}' was not found")
        return found if full else found["properties"]


def _of_fabric(error: BaseException) -> ArmError:
    return ArmError(500, "InternalExecutionError", f"{type(error).__name__}: {error}")


def _by_key(evaluation: Evaluation, key: str) -> Concrete:
    return next(c for c in evaluation.resources if c.id.lower() == key)
