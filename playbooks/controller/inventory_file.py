"""Writes the inventory so that Ansible takes no variable for a template.

A spec's fields have patterns that let no template through. This is a second wall, which holds
whatever a pattern lets through: a text with the tag `!unsafe` is never evaluated. Only texts with a
brace get the tag, since each template has one: Ansible reads `!unsafe "1.30"` as a number.
"""

from pathlib import Path
from typing import Any

import yaml


class _Verbatim(str):
    """A text that Ansible does not evaluate."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


_Dumper.add_representer(
    _Verbatim, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"')
)


def write(inventory: dict[str, Any], path: Path) -> None:
    """Writes an inventory in Ansible's YAML form. It consists of the types that JSON has."""
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(_verbatim(inventory), file, _Dumper, sort_keys=False, width=10**9)


def _verbatim(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _verbatim(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_verbatim(item) for item in value]
    return _Verbatim(value) if isinstance(value, str) and "{" in value else value
