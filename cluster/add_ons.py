"""The add-ons of a cluster: one table for the spec, the inventory, the play and the mirror.

A further add-on needs an entry here, its field in `AddOns`, its objects in
`playbooks/roles/add_ons/templates/NAME.yml.j2`, and its images in `playbooks/vars/manifest.yml`.
docs/add-ons.md describes each step. CoreDNS is not an add-on: no cluster works without it, and
kubeadm installs it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, Strict

from cluster.model import Model


@dataclass(frozen=True)
class AddOn:
    """One add-on. Its pods run on control planes, in the namespace kube-system.

    Attributes:
        name: its field under `addOns` in the spec, and the value of its objects' label.
        images: names of its images in the manifest. Only control planes fetch them.
        deployments: names of its deployments, which must be available.
        api_services: API groups that the cluster serves through it, which must be available.
    """

    name: str
    images: tuple[str, ...]
    deployments: tuple[str, ...]
    api_services: tuple[str, ...] = ()


# The stage of the play that installs them.
STAGE = "add-ons"

ADD_ONS: tuple[AddOn, ...] = (
    AddOn(
        "metrics",
        images=("metrics-server",),
        deployments=("metrics-server",),
        api_services=("v1beta1.metrics.k8s.io",),
    ),
    AddOn("dashboard", images=("headlamp",), deployments=("headlamp",)),
)


class AddOns(Model):
    """What runs in the cluster besides Kubernetes itself. An add-on that is switched off later is
    removed by the next play."""

    metrics: Annotated[bool, Strict()] = Field(
        default=True,
        description="metrics-server: CPU and memory of nodes and pods, for kubectl top and "
        "autoscaling.",
    )
    dashboard: Annotated[bool, Strict()] = Field(
        default=False,
        description="Headlamp, a dashboard that slipway dashboard opens. It shows the cluster and "
        "changes nothing.",
    )

    def enabled(self, add_on: AddOn) -> bool:
        return bool(getattr(self, add_on.name))


def add_on_variables(asked: AddOns, stages: Collection[str]) -> list[dict[str, Any]]:
    """Returns the table as the play reads it. Add-ons that are off are listed too, because the play
    removes their objects. Nothing is on if the spec's `stages` end before that of add-ons."""
    return [
        {
            "name": add_on.name,
            "enabled": asked.enabled(add_on) and STAGE in stages,
            "images": list(add_on.images),
            "deployments": list(add_on.deployments),
            "api_services": list(add_on.api_services),
        }
        for add_on in ADD_ONS
    ]


def add_on_images(asked: AddOns, stages: Collection[str]) -> list[str]:
    """Returns the names of the images that each control plane needs."""
    rows = add_on_variables(asked, stages)
    return [image for row in rows if row["enabled"] for image in row["images"]]


def images_of_add_ons() -> Iterator[tuple[str, str]]:
    """Yields the field and the name of each image."""
    for add_on in ADD_ONS:
        for image in add_on.images:
            yield f"addOns.{add_on.name}", image
