"""Activity start_deployment: starts one ARM deployment and returns while it runs."""

from activities.cluster_secrets import ClusterSecrets
from activities.controller_ssh import pinned
from activities.ensure_keys import CLUSTER_KEY
from activities.registration import activity
from clients.azure.deployments import ENDED
from clients.errors import Refused
from clients.services import services
from cluster import names
from cluster.cloud_init import CloudInitNode, render_custom_data
from cluster.contracts import START_DEPLOYMENT, DeploymentRef
from cluster.inventory import no_proxy
from cluster.outcomes import Outcome
from cluster.ownership import described
from cluster.plan import Plan, PlannedDeployment
from cluster.planned_resources import resources_of
from cluster.record import PlannedNode
from cluster.roles import CONTROLLER
from cluster.sources import merged
from cluster.stored_spec import with_unknown_fields
from planning.ownership import need_own, owner_of
from planning.templates import parameters, template

# A repeat finds a deployment in one of these states; polling reports how it ended.
STARTED = ("Accepted", "Running", "Succeeded", "Creating", "Updating")


@activity(START_DEPLOYMENT)
def start_deployment(ref: DeploymentRef) -> Outcome:
    """Starts the deployment. A repeat finds it by its name, which has the generation, and by the
    owner's tags that it gives, and does nothing. A generation may be used again after the record
    was lost: what another record deployed under that name is replaced.

    Raises:
        Refused: ResourceOwnedByAnother; a deployment of that name is running for another owner.
    """
    plan = services().store.need_plan(ref)
    name = names.deployment_name(ref.cluster, ref.part, ref.generation)
    found = services().deployments.get(plan.group, name)
    wait = services().settings.poll_seconds
    if found and owner_of(plan).owns(found.tags):
        if found.state in STARTED:
            return Outcome(retry_after=wait)
    elif found and found.state not in ENDED:
        text = f"deployment '{name}' is running in resource group '{plan.group}' and belongs to "
        text += f"{described(found.tags)}; wait for its end or cancel it"
        raise Refused("ResourceOwnedByAnother", text, place=name)
    deployment = next(d for d in plan.deployments if d.part == ref.part)
    need_own(plan, resources_of(plan, deployment))
    if deployment.template == names.NETWORK:  # once, before the machines are deployed in parallel
        _mark_built(plan)
    public_keys = services().store.public_keys(ref.cluster)
    given = parameters(
        _with_sources(deployment),
        owner_of(plan),
        public_keys.get(CLUSTER_KEY, ""),
        _custom_data(plan, deployment, public_keys),
    )
    # The keys of many machines take some time to read: a newer operation may have been claimed.
    services().store.refuse_superseded(ref)
    services().deployments.start(plan.group, name, template(deployment.template), given)
    return Outcome(retry_after=wait)


def _with_sources(deployment: PlannedDeployment) -> PlannedDeployment:
    """Adds this app's address to the sources that the controller's security group admits, unless
    one of them covers it."""
    if deployment.template != names.NETWORK:
        return deployment
    own = services().settings.allowed_sources
    sources = merged(deployment.parameters["allowedSources"], own)
    return deployment.model_copy(
        update={"parameters": {**deployment.parameters, "allowedSources": sources}}
    )


def _custom_data(
    plan: Plan, deployment: PlannedDeployment, public_keys: dict[str, str]
) -> dict[str, str]:
    secrets = ClusterSecrets.of(plan)
    return {
        name: render_custom_data(_node(plan, plan.slot(name), secrets, pinned(public_keys, name)))
        for name in deployment.nodes
    }


def _node(plan: Plan, slot: PlannedNode, secrets: ClusterSecrets, public_key: str) -> CloudInitNode:
    proxy = plan.spec.proxy
    controller = slot.role == CONTROLLER
    return CloudInitNode(
        cluster=plan.cluster,
        name=slot.name,
        role=slot.role,
        address=slot.address,
        host_key_private=secrets.host_key(slot),
        host_key_public=public_key,
        apt_mirror=plan.spec.package_mirror,
        http_proxy=proxy.http if proxy else None,
        https_proxy=proxy.for_https if proxy else None,
        no_proxy=",".join(no_proxy(plan)),
        trusted=plan.spec.trusted_certificates if controller else (),
    )


def _mark_built(plan: Plan) -> None:
    """Records the spec as built. From now on the spec's immutable fields are compared with it.

    A pool that is left out remains in it as long as it has nodes, because it may be taken back. An
    upgrade leaves the version of Kubernetes until every node has the new one.
    """
    record, etag = services().store.need_record(plan.cluster)
    before = record.built or {}
    built = with_unknown_fields(plan.spec.document(), before)
    if record.operation and record.operation.kind == "upgrade" and "kubernetes" in before:
        built["kubernetes"]["version"] = before["kubernetes"]["version"]
    left_out = plan.pools_left_out
    built["workers"] += [p for p in before.get("workers", []) if p.get("name") in left_out]
    if record.built != built:
        services().store.update_record(record.model_copy(update={"built": built}), etag)
