"""Checksums of files."""

import hashlib
from pathlib import Path

from cli.exits import CommandError, Exit

# What `get -o` takes.
FORMS = ("table", "wide", "json", "yaml")


def sha256_of(path: Path) -> str:
    """Returns the file's SHA-256 in hexadecimal, or an empty string if there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_form(output: str | None) -> None:
    """Refuses a form of output as the name of a file, for commands whose -o names a file.

    Raises:
        CommandError: it is a form that `get -o` takes.
    """
    if output in FORMS:
        text = f"-o names a file here, and '{output}' is a form of output; --json prints JSON"
        raise CommandError(Exit.REFUSED, text)
