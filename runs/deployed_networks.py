"""Finds the deployments of a cluster's network, from whose outputs the public addresses come."""

from collections.abc import Iterator
from typing import Any

from clients.controller_login import network_outputs
from clients.services import Services
from cluster.contracts import RunRef
from cluster.plan import Plan
from cluster.record import ClusterRecord

# How many runs are asked, the newest first.
LOOKED_AT = 50


def deployed_networks(
    services: Services, record: ClusterRecord, last: int
) -> Iterator[tuple[Plan | None, dict[str, Any]]]:
    """Yields the plan of each run that has the outputs of a network deployment, and these.

    A backup or a restore deploys nothing: its plan names the run that did. The plan is None if it
    is gone.

    Args:
        last: the newest run that is asked.
    """
    for generation in range(last, max(0, last - LOOKED_AT), -1):
        plan = services.store.plan(RunRef(cluster=record.name, generation=generation))
        if plan is not None and plan.uid != record.uid:
            continue
        group, deployed = (
            (plan.group, plan.network_generation) if plan else (record.group, generation)
        )
        if outputs := network_outputs(services, record.name, group, deployed):
            yield plan, outputs
