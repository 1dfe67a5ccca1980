"""Filters that list artifacts as the module `slipway_artifacts` takes them.

An artifact is a file from outside of the distribution: an archive, a program or an image. The
playbooks' manifest (`vars/manifest.yml`) has one entry for each.
"""

from collections.abc import Callable, Iterable, Mapping
from posixpath import basename
from typing import Any, TypedDict

PROGRAMS = "/usr/local/bin"


class Artifact(TypedDict):
    """An entry of the manifest. `sha256` is in hexadecimal digits."""

    name: str
    version: str
    url: str
    sha256: str


# What the module fetches: url, sha256, and either path (a file, with its mode) or unpack (the
# directory that an archive becomes).
type Download = dict[str, str]


class Pulled(TypedDict):
    """A result of `ansible.builtin.stat` in a loop over images: the archive of each image."""

    artifacts_item: dict[str, Any]
    stat: dict[str, Any]


def controller_downloads(
    artifacts: Iterable[Artifact], directory: str, mirror_url: str
) -> list[Download]:
    """What the controller fetches into `directory`.

    Args:
        artifacts: entries of the manifest.
        directory: the controller's directory of artifacts; file names are those of the URLs.
        mirror_url: base URL of a mirror, which has each file at NAME/VERSION/FILE; "" for none.
    """
    return [
        {
            "url": _mirrored(artifact, mirror_url) if mirror_url else artifact["url"],
            "sha256": artifact["sha256"],
            "path": f"{directory}/{basename(artifact['url'])}",
        }
        for artifact in artifacts
    ]


def _mirrored(artifact: Artifact, mirror_url: str) -> str:
    name, version = artifact["name"], artifact["version"]
    return f"{mirror_url}/{name}/{version}/{basename(artifact['url'])}"


def node_downloads(
    artifacts: Mapping[str, Artifact],
    source: str,
    programs: Iterable[str],
    images: Iterable[Artifact],
    image_directory: str,
    crictl_directory: str,
) -> list[Download]:
    """What a node that runs containers fetches from the controller.

    Args:
        artifacts: entries of the manifest by name; one is "crictl".
        source: base URL of the controller's artifacts.
        programs: names of single programs, each installed in /usr/local/bin.
        images: archives of container images.
        image_directory: where the node keeps image archives.
        crictl_directory: what crictl's archive is unpacked to.
    """
    return [
        *node_programs((artifacts[name] for name in programs), source, PROGRAMS),
        *node_images(images, source, image_directory),
        {**_served(artifacts["crictl"], source), "unpack": crictl_directory},
    ]


def node_programs(programs: Iterable[Artifact], source: str, directory: str) -> list[Download]:
    """Single programs as a node fetches them from `source` into a directory."""
    return [
        {**_served(one, source), "path": f"{directory}/{one['name']}", "mode": "0755"}
        for one in programs
    ]


def node_images(images: Iterable[Artifact], source: str, directory: str) -> list[Download]:
    """Archives of images as a node fetches them from `source` into a directory."""
    return [
        {**_served(one, source), "path": f"{directory}/{basename(one['url'])}"} for one in images
    ]


def _served(artifact: Artifact, source: str) -> Download:
    return {"url": f"{source}/{basename(artifact['url'])}", "sha256": artifact["sha256"]}


def pulled_images(results: Iterable[Pulled]) -> list[dict[str, Any]]:
    """Entries of images that were pulled by digest, with the path and the SHA-256 of the archive
    that each became."""
    return [
        result["artifacts_item"]
        | {"url": result["stat"]["path"], "sha256": result["stat"]["checksum"]}
        for result in results
    ]


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "slipway_controller_downloads": controller_downloads,
            "slipway_node_downloads": node_downloads,
            "slipway_node_images": node_images,
            "slipway_node_programs": node_programs,
            "slipway_pulled_images": pulled_images,
        }
