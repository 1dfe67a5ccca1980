"""Reads a spec from a file. The API validates its content and reports all faults at once."""

import sys
from pathlib import Path
from typing import Any

from cli.exits import CommandError, Exit
from cluster.strict_parsing import NotPlainError, plain_yaml


def load_spec(file: str) -> dict[str, Any]:
    """Returns the spec from a YAML or JSON file; '-' is standard input. Raises CommandError."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        document = plain_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(Exit.REFUSED, f"cannot read {file}: {error}") from None
    except NotPlainError as error:
        raise CommandError(Exit.REFUSED, f"{file} is not well-formed: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise CommandError(Exit.REFUSED, f"{file}: a spec is a mapping, with at least a 'name'")
    return document
