"""A dry run: the plan, and what ARM says to its templates, creating nothing."""

from typing import Any
from urllib.parse import urlsplit

from clients.services import services
from clients.settings import Settings
from clients.store import Store
from cluster.api_requests import ClusterPlan, PlannedMachine, PlannedTemplate
from cluster.changes import change_faults
from cluster.faults import SpecRefusedError
from cluster.inventory import render_inventory
from cluster.record import ClusterRecord
from cluster.sizes import notes
from cluster.spec import Artifacts, ClusterSpec, Playbook
from cluster.spec_rules import check
from planning.inspection import capacity_faults, plan_of, template_faults


def with_defaults(spec: ClusterSpec, settings: Settings) -> ClusterSpec:
    """What the installation adds where the spec is silent: its mirror, and with that how far the
    play goes, where the mirror has no more, and that no proxy leads to it, where none does."""
    if spec.artifacts is not None or not settings.default_artifacts:
        return spec
    default = dict(settings.default_artifacts)
    through, direct = default.pop("through", None), default.pop("direct", False)
    changes: dict[str, Any] = {"artifacts": Artifacts.model_validate(default)}
    if through and spec.playbook.through is None:
        changes["playbook"] = Playbook(through=through)
    if direct and spec.proxy is not None:
        host = urlsplit(str(default["url"])).hostname or ""
        asked = spec.proxy.no_proxy
        if host not in asked:
            changes["proxy"] = spec.proxy.model_copy(update={"no_proxy": (*asked, host)})
    return spec.model_copy(update=changes)


def dry_run(spec: ClusterSpec) -> ClusterPlan:
    """Names, addresses, deployments and inventory.

    Raises:
        SpecRefusedError: the living cluster cannot be changed so.
    """
    record = _dry_record(spec.name, services().store)
    faults = change_faults(record.built, spec) + check(spec, record.subnets)
    if faults:
        raise SpecRefusedError(faults)
    plan, offer = plan_of(spec, record)
    exists = services().groups.exists(plan.group)
    return ClusterPlan(
        name=spec.name,
        group=plan.group,
        location=plan.location,
        subnets=plan.subnets,
        api_address=plan.api_address,
        nodes=tuple(
            PlannedMachine(
                name=slot.name,
                role=slot.role,
                pool=slot.pool,
                address=slot.address,
                action="create" if slot.name in plan.missing else "keep",
            )
            for slot in plan.slots
        ),
        deployments=tuple(
            PlannedTemplate(
                part=planned.part,
                template=f"arm/cluster/{planned.template}.json",
                nodes=len(planned.nodes),
            )
            for planned in plan.deployments
        ),
        inventory=render_inventory(plan, "RUN"),
        notes=tuple(notes(plan, offer)),
        faults=(*capacity_faults(plan, offer), *template_faults(plan, group_exists=exists)),
    )


def _dry_record(name: str, store: Store) -> ClusterRecord:
    """The record that a plan is computed against, without claiming anything."""
    found = store.record(name)
    if found and not found[0].is_tombstone:
        return found[0].model_copy(update={"generation": found[0].generation + 1})
    return ClusterRecord(name=name, uid="00000000", generation=1)
