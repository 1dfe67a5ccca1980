"""A dry run: computes the plan and validates its templates with ARM. It creates nothing."""

from collections.abc import Collection, Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from clients.controller_login import network_outputs
from clients.services import services
from clients.settings import Settings
from clients.store import Store
from cluster.api_requests import (
    ClusterPlan,
    PlannedMachine,
    PlannedStage,
    PlannedTemplate,
    PlannedUpgrade,
)
from cluster.changes import change_faults, kept_subnet_faults
from cluster.concern import PlayScope
from cluster.faults import SpecRefusedError
from cluster.growth import growth_faults
from cluster.inventory import render_inventory, with_scope
from cluster.plan import Plan
from cluster.reasons import grouped
from cluster.record import ClusterRecord, PlannedNode
from cluster.replacement import surge_faults
from cluster.roles import CONTROL_PLANE, WORKER
from cluster.sizes import notes
from cluster.spec import ClusterSpec, Playbook
from cluster.spec_changes import changed_fields
from cluster.spec_rules import check
from cluster.spec_services import Artifacts
from cluster.stages import STAGE_IDS
from cluster.upgrades import built_version, is_upgrade, upgrade_faults, upgrade_order
from planning.inspection import capacity_faults, offer_for, plan_of, template_faults
from planning.ownership import ownership_faults
from planning.play_scope import planned_scope
from planning.turns import replaced_by


def with_defaults(spec: ClusterSpec, settings: Settings) -> ClusterSpec:
    """Adds the installation's defaults for what the spec omits.

    The defaults are the mirror of artifacts and, with it:

    - the last stage of the play, if the mirror does not have the artifacts of later stages;
    - an exception from the proxy, if no proxy leads to the mirror.
    """
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


def dry_run(spec: ClusterSpec, adopt: str = "", *, full: bool = False) -> ClusterPlan:
    """Returns names, addresses, deployments and inventory, with the faults that were found.

    Args:
        adopt: the uid of a lost record, if it would be adopted.
        full: whether the play would run on every machine, whatever was done there.

    Raises:
        SpecRefusedError: the existing cluster does not allow the change.
    """
    record = _dry_record(spec.name, services().store)
    if adopt and record.built is None:
        record = record.model_copy(update={"uid": adopt})
    faults = change_faults(record.built, spec) + kept_subnet_faults(record, spec)
    faults += growth_faults(record, spec) + upgrade_faults(record, spec)
    faults += surge_faults(record, spec) + check(spec, record.subnets)
    if faults:
        raise SpecRefusedError(faults)
    survey = replaced_by(spec, record)
    plan, offer = plan_of(spec, record) if survey is None else (survey, offer_for(survey))
    plan = plan.model_copy(update={"full": full})
    scope = _scope(plan)
    exists = services().groups.exists(plan.group)
    upgrade = _upgrade(record, plan)
    upgraded = upgrade.nodes if upgrade else ()
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
                action=_action(slot, plan, upgraded),
            )
            for slot in (*plan.slots, *plan.leaving)
        ),
        deployments=tuple(
            PlannedTemplate(
                part=planned.part,
                template=f"arm/cluster/{planned.template}.json",
                nodes=len(planned.nodes),
            )
            for planned in plan.deployments
        ),
        play=tuple(
            PlannedStage(stage=stage, nodes=scope.nodes(stage))
            for stage in STAGE_IDS
            if stage in scope.stages
        ),
        upgrade=upgrade,
        inventory=with_scope(render_inventory(plan, "RUN"), scope),
        changes=tuple(changed_fields(record.spec, spec)),
        notes=(*_running(record), *notes(plan, offer)),
        faults=(
            *ownership_faults(plan),
            *grouped(capacity_faults(plan, offer)),
            *grouped(template_faults(plan, group_exists=exists)),
        ),
    )


def _upgrade(record: ClusterRecord, plan: Plan) -> PlannedUpgrade | None:
    if not is_upgrade(record, plan.spec):
        return None
    return PlannedUpgrade(
        before=built_version(record),
        after=plan.spec.kubernetes.version,
        nodes=tuple(
            slot.name
            for role in (CONTROL_PLANE, WORKER)
            for slot in upgrade_order(plan, role)
            if slot.name not in plan.missing
        ),
    )


def _action(
    slot: PlannedNode, plan: Plan, upgraded: Collection[str]
) -> Literal["create", "keep", "remove", "replace", "upgrade"]:
    if slot.name in plan.outdated:
        return "replace"
    if slot.leaving:
        return "remove"
    if slot.name in upgraded:
        return "upgrade"
    return "create" if slot.name in plan.missing else "keep"


def _scope(plan: Plan) -> PlayScope:
    """Returns the machines that the play would concern.

    The API's public address is that of the last run: Azure does not change it.
    """
    extra = dict(services().settings.ansible_variables)
    if plan.spec.control_plane.public_api:
        last = network_outputs(services(), plan.cluster, plan.group, plan.generation - 1)
        # After an operation that deployed no network, the record has the address.
        found = services().store.record(plan.cluster)
        access = found[0].access if found else None
        address = last.get("apiPublicAddress") or (access.public_address if access else "")
        extra["slipway_api_public_addresses"] = [address] if address else []
    return planned_scope(plan, render_inventory(plan, "RUN", extra))


def _running(record: ClusterRecord) -> Iterator[str]:
    """Yields a note if an operation of the cluster is claimed and has not ended."""
    if record.busy and record.operation is not None:
        yield (
            f"operation {record.operation.generation} of {record.name} has not ended: until then, "
            "only the spec that it applies is accepted"
        )


def _dry_record(name: str, store: Store) -> ClusterRecord:
    """Returns the record that the plan is computed from, without claiming anything."""
    found = store.record(name)
    if found and not found[0].is_tombstone:
        last = found[0].operation
        # What the last request asked for in addition to its spec concerns that request only.
        nothing = {"removes": "", "replaces": "", "force": False, "full": False}
        other = last and last.model_copy(update=nothing)
        changes = {"generation": found[0].generation + 1, "operation": other}
        return found[0].model_copy(update=changes)
    return ClusterRecord(name=name, uid="00000000", generation=1)
