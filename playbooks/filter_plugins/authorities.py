"""Filters for the certificate authorities that a spec adds to a machine's trust store."""

from collections.abc import Callable, Iterable
from posixpath import basename
from typing import Any, TypedDict


class Authority(TypedDict):
    """An entry of `slipway_trusted`. `name` is a file name that ends in .crt; `pem` is the
    certificate."""

    name: str
    pem: str


def authority_files(trusted: Iterable[Authority], directory: str) -> list[dict[str, str]]:
    """The authorities as files for the module `slipway_tree`."""
    return [
        {"path": f"{directory}/{authority['name']}", "content": authority["pem"]}
        for authority in trusted
    ]


def stale_authorities(paths: Iterable[str], trusted: Iterable[Authority]) -> list[str]:
    """Those of `paths` whose authority the spec no longer names.

    update-ca-certificates links each NAME.crt of its source directory as NAME.pem into the store:
    both names belong to one authority.
    """
    names = {authority["name"] for authority in trusted}
    return [path for path in paths if _source_name(path) not in names]


def _source_name(path: str) -> str:
    name = basename(path)
    return f"{name.removesuffix('.pem')}.crt" if name.endswith(".pem") else name


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "slipway_authority_files": authority_files,
            "slipway_stale_authorities": stale_authorities,
        }
