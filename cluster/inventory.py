"""The Ansible inventory, rendered from the plan.

The groups cluster, control_plane, workers and etcd have all machines, because roles look up others.
For each stage, a group has the machines on which the play runs it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cluster import names
from cluster.add_ons import add_on_images, add_on_variables
from cluster.cloud_init_apt import apt_options, bypasses_proxy
from cluster.concern import PlayScope, stage_groups
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD, WORKER
from cluster.stages import CONTROL_PLANES, MEMBERS, WORKERS
from cluster.trust import Registry, trusted_name

GROUPS = {CONTROL_PLANE: CONTROL_PLANES, WORKER: WORKERS, ETCD: MEMBERS}
# The roles whose machines run a kubelet.
NODES = (CONTROL_PLANE, WORKER)
DATA_DISK_LUN = 0


def render_inventory(
    plan: Plan, run_id: str, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns an Ansible inventory in its YAML form, as a mapping.

    Args:
        plan: the cluster's plan.
        run_id: the name of the directory on the controller that holds keys while the play runs.
        extra: further variables of the installation (the lab's kernel limits, for instance).
    """
    groups: dict[str, dict[str, Any]] = {group: {"hosts": {}} for group in GROUPS.values()}
    for slot in plan.nodes:
        if slot.role in GROUPS:  # a plan of a newer version may have other roles
            groups[GROUPS[slot.role]]["hosts"][slot.name] = _host(plan, slot)
    controller = plan.controller
    return {
        "all": {
            "vars": _variables(plan, run_id) | dict(extra or {}),
            "children": {
                "controller": {
                    "hosts": {
                        controller.name: {
                            "ansible_connection": "local",
                            "slipway_address": controller.address,
                            "slipway_role": controller.role,
                        }
                    }
                },
                "cluster": {"children": groups},
            },
        }
    }


def with_scope(inventory: Mapping[str, Any], scope: PlayScope) -> dict[str, Any]:
    """Returns the inventory with the groups of the machines on which each stage runs."""
    top = inventory["all"]
    (controller,) = top["children"]["controller"]["hosts"]
    return {"all": top | {"children": top["children"] | stage_groups(scope, controller)}}


def _host(plan: Plan, slot: PlannedNode) -> dict[str, Any]:
    host: dict[str, Any] = {
        "ansible_host": slot.address,
        "slipway_address": slot.address,
        "slipway_role": slot.role,
        "slipway_pool": slot.pool,
    }
    if slot.role == WORKER:
        host["slipway_labels_and_taints"] = _labels_and_taints(plan, slot.pool)
    if slot.role in NODES:
        # A variable of machines, so that a change of add-ons does not concern the workers.
        wanted = add_on_images(plan.spec.add_ons, plan.spec.stages)
        host["slipway_add_on_images"] = wanted if slot.role == CONTROL_PLANE else []
    if slot.role == ETCD:
        host["slipway_data_disk_lun"] = DATA_DISK_LUN
    return host


def _labels_and_taints(plan: Plan, pool: str) -> dict[str, Any]:
    """Returns the labels and taints that the nodes of a worker pool get in Kubernetes."""
    asked = next(found for found in plan.spec.workers if found.name == pool)
    own = {"node-role.kubernetes.io/worker": "", "slipway.dev/pool": pool}
    taints = [taint.model_dump() for taint in asked.taints]
    return {"labels": dict(asked.labels) | own, "taints": taints}


def _variables(plan: Plan, run_id: str) -> dict[str, Any]:
    spec = plan.spec
    proxy = spec.proxy
    direct = ",".join(no_proxy(plan))
    return {
        "ansible_user": spec.admin_user,
        "slipway_cluster": spec.name,
        "slipway_controller_address": plan.controller.address,
        "slipway_stages": list(spec.stages),
        "slipway_kubernetes_version": spec.kubernetes.minor,
        "slipway_kubernetes_patch": spec.kubernetes.patch,
        "slipway_package_upgrades": "safe" if plan.package_upgrades else "no",
        "slipway_pod_cidr": spec.kubernetes.pod_cidr,
        "slipway_service_cidr": spec.kubernetes.service_cidr,
        "slipway_api_address": plan.api_address,
        "slipway_api_name": names.api_name(spec.name),
        "slipway_api_public_addresses": [],
        "slipway_hundreds_of_nodes": -(-sum(slot.role in NODES for slot in plan.nodes) // 100),
        "slipway_add_ons": add_on_variables(spec.add_ons, spec.stages),
        "slipway_artifacts_url": spec.artifacts.url if spec.artifacts else "",
        "slipway_manifest_sha256": spec.artifacts.manifest_sha256 if spec.artifacts else "",
        "slipway_http_proxy": (proxy.http if proxy else None) or "",
        "slipway_https_proxy": (proxy.for_https if proxy else None) or "",
        "slipway_no_proxy": direct if proxy else "",
        "slipway_apt_options": apt_options(
            spec.package_mirror,
            proxy.http if proxy else None,
            proxy.for_https if proxy else None,
            direct,
        ),
        "slipway_trusted": [
            {"name": trusted_name(pem), "pem": pem} for pem in spec.trusted_certificates
        ],
        "slipway_registries": [_registry(registry) for registry in spec.registries],
        "slipway_run_dir": f"/run/slipway/{run_id}",
    }


def _registry(registry: Registry) -> dict[str, Any]:
    return {
        "host": registry.host,
        "mirrors": [_mirror(url) for url in registry.mirrors],
        "authorities": "".join(registry.ca_certificates),
    }


def _mirror(url: str) -> dict[str, Any]:
    """Returns a mirror as containerd and skopeo need it.

    `location` is skopeo's term for a mirror: a host and the path after /v2 in its API. It is "" if
    the API has another root, because skopeo cannot be configured for that.
    """
    parts = urlsplit(url)
    below = parts.path.removeprefix("/v2")
    reachable = parts.path == "" or f"{parts.path}/".startswith("/v2/")
    return {
        "url": url,
        "has_path": parts.path != "",
        "location": f"{parts.netloc}{below}" if reachable else "",
        "insecure": parts.scheme == "http",
    }


def no_proxy(plan: Plan) -> tuple[str, ...]:
    """Returns the hosts that are never reached through the proxy.

    These are the cluster's own networks and names, and Azure's metadata and wire-server addresses.
    The names of workers are not among them: a change of the list restarts containerd and kubelet,
    so it must not change when pools grow. The roles add those names without a restart.
    """
    spec = plan.spec
    asked = spec.proxy.no_proxy if spec.proxy else ()
    listed = (
        "localhost",
        "127.0.0.1",
        spec.network.vnet_cidr,
        spec.kubernetes.pod_cidr,
        spec.kubernetes.service_cidr,
        names.api_name(spec.name),
        plan.api_address,
        ".svc",
        ".cluster.local",
        "169.254.169.254",
        "168.63.129.16",
        *(slot.name for slot in plan.slots if slot.role != WORKER),
        *asked,
    )
    # The play's own downloads do not understand CIDRs, so their hosts are listed by name too.
    urls = (spec.artifacts.url if spec.artifacts else None, spec.package_mirror)
    inside = (
        urlsplit(url).hostname or ""
        for url in urls
        if url and bypasses_proxy(url, ",".join(listed))
    )
    return tuple(dict.fromkeys([*listed, *inside]))
