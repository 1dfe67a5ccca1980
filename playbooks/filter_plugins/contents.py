"""Filter that gives files their contents, for the module `slipway_tree`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def with_contents(
    files: Iterable[Mapping[str, str]], contents: Iterable[str]
) -> list[dict[str, str]]:
    """The files (path, mode, ...), each with the content at its place in the other list.

    Raises:
        ValueError: the lists differ in length.
    """
    return [{**file, "content": content} for file, content in zip(files, contents, strict=True)]


class FilterModule:
    """Ansible finds filters by this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"slipway_with_contents": with_contents}
