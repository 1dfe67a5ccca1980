"""Filters for containerd's configuration of private registries: /etc/containerd/certs.d.

containerd reads the directory HOST below it at every pull from the registry HOST: hosts.toml names
the mirrors, ca.crt the authorities of the registry's certificate.
"""

from collections.abc import Callable, Iterable
from posixpath import dirname
from typing import Any, TypedDict

# The first line of each file begins with it: only files with this line are ever removed.
MARK = "# Managed by Slipway"
FIRST_LINE = (
    f"{MARK}. Read at every pull. Where no mirror has an image, the registry itself is asked."
)


class Mirror(TypedDict):
    """`has_path`: whether `url` names a path; containerd then takes it for the API's root."""

    url: str
    has_path: bool


class Registry(TypedDict):
    """An entry of `slipway_registries`. `authorities`: certificates in PEM, "" for the system's."""

    host: str
    mirrors: list[Mirror]
    authorities: str


def registry_directories(registries: Iterable[Registry], root: str) -> list[dict[str, str]]:
    """A directory for each registry, for the module `slipway_tree`. `root`: certs.d."""
    return [{"path": _directory(registry, root)} for registry in registries]


def registry_files(registries: Iterable[Registry], root: str) -> list[dict[str, str]]:
    """The files of each registry, for the module `slipway_tree`. `root`: certs.d."""
    files: list[dict[str, str]] = []
    for registry in registries:
        directory = _directory(registry, root)
        if registry["authorities"]:
            # Text before the first certificate is ignored by those who read the file.
            content = f"{MARK}.\n{registry['authorities']}"
            files.append({"path": f"{directory}/ca.crt", "content": content})
        files.append({"path": f"{directory}/hosts.toml", "content": hosts_toml(registry, root)})
    return files


def hosts_toml(registry: Registry, root: str) -> str:
    """The text of a registry's hosts.toml. `root`: certs.d."""
    authorities = f'ca = "{_directory(registry, root)}/ca.crt"'
    lines = [FIRST_LINE]
    if registry["authorities"]:
        lines.append(authorities)
    for mirror in registry["mirrors"]:
        lines += ["", f'[host."{mirror["url"]}"]', '  capabilities = ["pull", "resolve"]']
        if mirror["has_path"]:
            lines.append("  override_path = true")
        if registry["authorities"]:
            lines.append(f"  {authorities}")
    return "\n".join(lines) + "\n"


def stale_registry_paths(
    paths: Iterable[str], registries: Iterable[Registry], root: str
) -> list[str]:
    """What is to be removed of earlier runs.

    Args:
        paths: Slipway's files that were found below `root`.
        registries: those that the spec names.
        root: certs.d.

    Returns:
        The whole directory of a registry that the spec no longer names, and single files that a
        registry no longer needs; each once, in the order of `paths`.
    """
    known = list(registries)
    directories = {entry["path"] for entry in registry_directories(known, root)}
    files = {entry["path"] for entry in registry_files(known, root)}
    stale = [
        path if dirname(path) in directories else dirname(path)
        for path in paths
        if path not in files
    ]
    return list(dict.fromkeys(stale))


def _directory(registry: Registry, root: str) -> str:
    return f"{root}/{registry['host']}"


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "slipway_registry_directories": registry_directories,
            "slipway_registry_files": registry_files,
            "slipway_stale_registry_paths": stale_registry_paths,
        }
