"""Filter that makes files of the lists of packages that are installed on the nodes."""

from collections.abc import Callable, Iterable
from typing import Any


def package_lists(
    hosts: Iterable[str], listings: Iterable[str], directory: str
) -> list[dict[str, str]]:
    """A file HOST.txt for each node, for the module `slipway_tree`.

    Args:
        hosts: names of the nodes.
        listings: the output of dpkg-query on each of them, without its last line end.
        directory: where the files are.

    Raises:
        ValueError: there are more or fewer listings than hosts.
    """
    return [
        {"path": f"{directory}/{host}.txt", "content": f"{listing}\n"}
        for host, listing in zip(hosts, listings, strict=True)
    ]


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"slipway_package_lists": package_lists}
