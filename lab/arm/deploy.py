"""Runs deployments: puts resources in dependency order, and independent ones in parallel."""

import re
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from lab.arm import answers, kinds
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError, ExpressionError, invalid_at, invalid_template
from lab.arm.fabric_errors import of_fabric
from lab.arm.groups import find_group, put_group
from lab.arm.ids import take_apart
from lab.arm.kind import Kind
from lab.arm.kinds import checked, kind_of
from lab.arm.put import Putter
from lab.arm.scope import Reference, is_pending, settle
from lab.arm.state import ArmState
from lab.arm.template import Evaluation, evaluate
from lab.arm.views import shown
from lab.fabric import FabricError

PARALLEL = 4
NAME = re.compile(r"[-\w._()]{1,64}")


class Deployer:
    """Runs each deployment in a thread of its own."""

    def __init__(self, state: ArmState, putter: Putter, subscription: str) -> None:
        self._state, self._putter, self._subscription = state, putter, subscription

    def refresh_network(self) -> None:
        """Applies the stored network to the fabric after a restart."""
        self._putter.apply_network()

    def check(
        self,
        group: str,
        location: str,
        name: str,
        body: dict[str, Any],
        coming: tuple[str, ...] = (),
    ) -> Evaluation:
        """Validates a deployment. Raises ArmError with every error that validation finds.

        `group` is empty for a deployment of the subscription. `coming` names the resource groups
        that an outer deployment creates.
        """
        evaluation = self._evaluate(group, location, name, body)
        coming += tuple(
            c.name.lower() for c in evaluation.resources if c.type.lower() == kinds.GROUP
        )
        errors: list[ArmError] = []
        for concrete in evaluation.resources:
            kind = kind_of(concrete)
            _check_level(group, concrete, kind)
            try:
                checked(kind, concrete, concrete.body)
                if concrete.type.lower() == kinds.DEPLOYMENT:
                    self._check_nested(location, concrete, coming)
            except ArmError as error:
                errors.append(error)
        if errors:
            raise ArmError(
                400,
                "InvalidTemplateDeployment",
                f"The template deployment '{name}' is not valid according to the validation "
                "procedure. See inner errors for details. Please see "
                "https://aka.ms/arm-deploy for usage details.",
                [error.document() for error in errors],
            )
        return evaluation

    def _evaluate(self, group: str, location: str, name: str, body: dict[str, Any]) -> Evaluation:
        if not NAME.fullmatch(name):
            raise ArmError(
                400, "InvalidDeploymentName", f"The name '{name}' must have 1 to 64 characters."
            )
        properties = body.get("properties") or {}
        if str(properties.get("mode", "")).lower() != "incremental":
            raise ArmError(
                400, "InvalidRequestContent", "The stand-in deploys in mode Incremental only."
            )
        for link in ("templateLink", "parametersLink"):
            if link in properties:
                raise ArmError(400, "InvalidRequestContent", f"The stand-in reads no '{link}'.")
        known = self._state.groups.get(group.lower(), {})
        return evaluate(
            properties.get("template") or {},
            properties.get("parameters") or {},
            group=group,
            location=location,
            subscription=self._subscription,
            deployment=name,
            tags=known.get("tags"),
        )

    def _check_nested(self, location: str, concrete: Concrete, coming: tuple[str, ...]) -> None:
        options = concrete.body["properties"].get("expressionEvaluationOptions") or {}
        if str(options.get("scope", "outer")).lower() != "inner":
            raise invalid_template(
                f"The nested deployment '{concrete.name}' has its expressions evaluated in outer "
                "scope, which the stand-in does not do: set expressionEvaluationOptions.scope to "
                "inner"
            )
        if not concrete.group and not concrete.body.get("location"):
            raise invalid_template(
                f"The 'location' property must be specified for '{concrete.name}': a deployment "
                "of the subscription has one"
            )
        if is_pending(concrete.body["properties"].get("parameters")):
            return  # as in ARM, which checks the nested deployment when its turn comes
        if concrete.group and concrete.group.lower() not in coming:
            location = find_group(self._state, concrete.group)["location"]
        self.check(concrete.group, location, concrete.name, concrete.body, coming)

    def start(
        self, identity: str, group: str, location: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Validates the deployment and runs it in the background. Returns the deployment in state
        Accepted."""
        name = identity.rpartition("/")[2]
        evaluation = self.check(group, location, name, body)
        record = answers.deployment(identity, location, body["properties"]["template"], evaluation)
        if not group:
            record["location"] = location
        with self._state.change():
            old = self._state.deployments.get(identity.lower())
            if old and old["properties"]["provisioningState"] in ("Accepted", "Running"):
                raise ArmError(
                    409, "DeploymentActive",
                    f"Unable to edit or replace deployment '{name}': previous deployment from "
                    f"'{old['properties']['timestamp']}' is still active.",
                )  # fmt: skip
            self._state.deployments[identity.lower()] = {**record, "operations": []}
        accepted = self._state.copy_of(record)
        threading.Thread(
            target=self._run,
            args=(self._state.deployments[identity.lower()], location, evaluation),
            daemon=True,
        ).start()
        return accepted

    def _run(self, record: dict[str, Any], location: str, evaluation: Evaluation) -> list[ArmError]:
        properties = record["properties"]
        with self._state.lock:
            if properties["provisioningState"] == "Accepted":
                properties["provisioningState"] = "Running"
        errors = self._put_all(record, location, evaluation)
        outputs: dict[str, Any] = {}
        if not errors and properties["provisioningState"] == "Running":
            begun = answers.deployment_operation(record["id"], None)
            with self._state.lock:
                record["operations"].append(begun)
            try:
                self._putter.apply_network()
                outputs = evaluation.outputs(self._looking(evaluation))
            except (ArmError, FabricError) as error:
                errors = [error if isinstance(error, ArmError) else of_fabric(error)]
            with self._state.lock:
                answers.end(begun, errors[0] if errors else None, changed=False)
        with self._state.change():
            properties["duration"] = answers.since(properties["timestamp"])
            properties["timestamp"] = answers.now()
            if errors:
                properties["error"] = answers.failure(errors)
            elif properties["provisioningState"] == "Running":
                properties["outputs"] = outputs
                properties["outputResources"] = [{"id": c.id} for c in evaluation.resources]
            if properties["provisioningState"] == "Running":
                properties["provisioningState"] = "Failed" if errors else "Succeeded"
        return errors

    def _put_all(
        self, record: dict[str, Any], location: str, evaluation: Evaluation
    ) -> list[ArmError]:
        """Puts all resources and returns the errors. A failure stops only the resources that depend
        on the failed one, as in ARM."""
        waiting = {c.id.lower(): c for c in evaluation.resources}
        done: set[str] = set()
        errors: list[ArmError] = []
        running: dict[Future[bool], tuple[str, dict[str, Any]]] = {}
        reference = self._looking(evaluation)
        with ThreadPoolExecutor(PARALLEL) as pool:
            while waiting or running:
                if record["properties"]["provisioningState"] == "Canceled":
                    waiting.clear()
                for key in [k for k, c in waiting.items() if done.issuperset(c.depends_on)]:
                    concrete = waiting.pop(key)
                    begun = answers.deployment_operation(record["id"], concrete)
                    with self._state.lock:
                        record["operations"].append(begun)
                    running[pool.submit(self._put, location, concrete, reference)] = (key, begun)
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key, begun = running.pop(future)
                    fault = future.exception()
                    error = None if fault is None else of_fabric(fault)
                    with self._state.lock:
                        answers.end(begun, error, changed=error is None and future.result())
                    if error is None:
                        done.add(key)
                    else:
                        errors.append(error)
        return errors

    def _put(self, location: str, concrete: Concrete, reference: Reference) -> bool:
        kind = concrete.type.lower()
        if kind == kinds.GROUP:
            return put_group(self._state, self._subscription, concrete.name, concrete.body)[1]
        if kind == kinds.DEPLOYMENT:
            return self._put_nested(location, concrete, reference)
        return self._putter.put(location, concrete, reference)

    def _put_nested(self, location: str, concrete: Concrete, reference: Reference) -> bool:
        """Runs a nested deployment to its end in the thread of its parent. Returns whether anything
        changed."""
        if concrete.group:
            location = find_group(self._state, concrete.group)["location"]
        properties = concrete.body["properties"]
        try:
            given = settle(properties.get("parameters") or {}, reference)
        except ExpressionError as error:
            raise invalid_at("resource", concrete.name, concrete.type, error) from None
        body = {"properties": {**properties, "parameters": given}}
        evaluation = self.check(concrete.group, location, concrete.name, body)
        record = answers.deployment(concrete.id, location, properties["template"], evaluation)
        with self._state.change():
            self._state.deployments[concrete.id.lower()] = {**record, "operations": []}
        errors = self._run(self._state.deployments[concrete.id.lower()], location, evaluation)
        if errors:
            found = answers.failure(errors)
            raise ArmError(409, found["code"], found["message"], found["details"])
        operations = self._state.deployments[concrete.id.lower()]["operations"]
        return any(o["properties"]["statusCode"] == "Created" for o in operations)

    def _looking(self, evaluation: Evaluation) -> Reference:
        """Returns the `reference` function for this deployment's expressions. It finds a resource
        by id, or by name if the resource is in this template."""
        names = {take_apart(c.id).name.lower(): c.id for c in evaluation.resources}

        def reference(target: str, full: bool) -> Any:
            identity = names.get(target.lower(), target).lower()
            nested, found = self._state.deployments.get(identity), self._state.get(identity)
            if nested is None and found is None:
                raise ArmError(404, "ResourceNotFound", f"The Resource '{target}' was not found.")
            view = shown(self._state, found) if found else self._state.copy_of(nested or {})
            return view if full else view["properties"]

        return reference


def _check_level(group: str, concrete: Concrete, kind: Kind) -> None:
    nested = concrete.type.lower() == kinds.DEPLOYMENT
    if concrete.group.lower() != group.lower() and not nested:
        raise invalid_template(
            f"The resource '{concrete.id}' is not within the scope of its deployment: put it into "
            "a nested deployment with a resourceGroup"
        )
    if not group and not kind.newest.of_subscription:
        raise invalid_template(
            f"The resource type '{concrete.type}' ('{concrete.name}') cannot be deployed at "
            "subscription scope: put it into a nested deployment with a resourceGroup"
        )
    if group and concrete.type.lower() == kinds.GROUP:
        raise invalid_template(
            f"Resource groups ('{concrete.name}') cannot be deployed at resource group scope"
        )
