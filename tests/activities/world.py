"""One cluster on simulated services, whose run a test drives activity by activity."""

from dataclasses import dataclass
from typing import Any

import activities
from cluster.contracts import (
    DELETE_RESOURCES,
    ENSURE_GROUP,
    ENSURE_KEYS,
    PLAN_CLUSTER,
    POLL_DEPLOYMENTS,
    START_DEPLOYMENT,
    Activity,
    RunRef,
)
from cluster.plan import Plan
from lab.simulation.run import Simulation

ACTIVITIES = {each.contract.name: each for each in activities.ALL}


@dataclass
class World:
    simulation: Simulation
    generation: int = 1

    @property
    def cluster(self) -> str:
        return self.simulation.scenario.cluster

    @property
    def ref(self) -> RunRef:
        return RunRef(cluster=self.cluster, generation=self.generation)

    @property
    def services(self) -> Any:
        return self.simulation.services

    @property
    def plan(self) -> Plan:
        return self.services.store.need_plan(self.ref)

    def call(self, contract: Activity[Any, Any], **fields: Any) -> Any:
        """Executes the activity as the engine does, with JSON in and out."""
        payload = {**self.ref.model_dump(), **fields}
        return contract.result(ACTIVITIES[contract.name](payload=payload))

    def twice(self, contract: Activity[Any, Any], **fields: Any) -> tuple[Any, Any]:
        return self.call(contract, **fields), self.call(contract, **fields)

    def planned(self) -> Plan:
        self.call(PLAN_CLUSTER)
        self.call(ENSURE_GROUP)
        self.call(ENSURE_KEYS)
        return self.plan

    def deployed(self) -> Plan:
        """All machines exist."""
        plan = self.planned()
        parts = [deployment.part for deployment in plan.deployments]
        for part in parts:
            self.call(START_DEPLOYMENT, part=part)
        self.later(600.0)
        assert self.call(POLL_DEPLOYMENTS, parts=parts).finished == tuple(parts)
        return plan

    def removal(self) -> None:
        """Claims the removal: the activities that follow are of its run."""
        claim = self.simulation.delete()
        assert claim is not None
        self.generation += 1

    def later(self, seconds: float) -> None:
        self.simulation.clock.spend(seconds)

    def gone(self) -> bool:
        """Deletes the resources to the end; returns whether the group is gone."""
        for _ in range(20):
            if self.call(DELETE_RESOURCES).state == "done":
                break
            self.simulation.clock.advance()
        return self.services.cloud.group is None
