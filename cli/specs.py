"""Reads a spec from a file. The file is sent as it is: the API reads it strictly, and a text that
was parsed and written again here would hide from it what two readers read differently.

The local reading finds the cluster's name, which is in the URL, and the lines of faults.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.exits import CommandError, Exit
from cli.spec_lines import line_of, lines_of
from cli.text import clean, counted
from cluster.names import CLUSTER_NAME
from cluster.strict_parsing import MAX_BYTES, NotPlainError, plain_json, plain_yaml

JSON, YAML = "application/json", "application/yaml"
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class SpecFile:
    """A spec as it is in its file, and what it says. `path` names the file in messages."""

    path: str
    body: bytes
    content_type: str
    document: Any

    @property
    def cluster(self) -> str:
        return str(self.document["name"])

    def faults_text(self, faults: Iterable[tuple[str, str, str]]) -> list[str]:
        """Returns the lines that show faults: each a path, a message and what is allowed."""
        lines = self._lines()
        shown: list[str] = []
        for path, message, allowed in faults:
            line = line_of(lines, path)
            place = f"{self.path}:{line}" if line else self.path
            shown.append(": ".join(filter(None, (place, path, message))))
            if allowed:
                shown.append(f"    allowed: {allowed}")
        return list(map(clean, shown))

    def line(self, path: str) -> int | None:
        return line_of(self._lines(), path)

    def _lines(self) -> Mapping[str, int]:
        return lines_of(self.body.decode())


class SpecFaultsError(CommandError):
    """The spec in a file has faults. The document has all of them, with their lines."""

    def __init__(self, spec: SpecFile, faults: list[dict[str, str]]) -> None:
        self._faults = [fault | {"line": spec.line(fault["path"])} for fault in faults]
        number = counted(len(faults), "fault")
        told = spec.faults_text((one["path"], one["message"], one["allowed"]) for one in faults)
        super().__init__(Exit.REFUSED, "\n".join([f"{spec.path} has {number}", *told]))

    def document(self) -> dict[str, Any]:
        return {"title": "the spec was refused", "faults": self._faults}


def load_spec(file: str) -> SpecFile:
    """Returns the spec of a YAML or JSON file that can be sent; '-' is standard input.

    Raises:
        CommandError: the file cannot be read, is not plain YAML or JSON, or has no usable name.
            Then all faults of the spec are reported, because the API could not be asked.
    """
    spec = read_spec(file)
    name = spec.document.get("name") if isinstance(spec.document, dict) else None
    if not isinstance(name, str) or not re.fullmatch(CLUSTER_NAME, name):
        check_spec(spec)
        raise AssertionError("a spec without a usable name has a fault")
    return spec


def check_spec(spec: SpecFile) -> None:
    """Checks a spec by the API's own rules, without the API.

    Raises:
        SpecFaultsError: with all faults.
        CommandError: the spec has certificates, and the package that reads them is not installed.
    """
    # Not loaded by commands whose spec the API checks.
    from cluster.faults import SpecRefusedError  # noqa: PLC0415
    from cluster.spec_rules import parse_spec  # noqa: PLC0415

    if spec.document is None:
        raise SpecFaultsError(spec, [{"path": "", "message": "is empty", "allowed": "a spec"}])
    try:
        parse_spec(spec.document)
    except SpecRefusedError as error:
        raise SpecFaultsError(spec, [fault.model_dump() for fault in error.faults]) from None
    except ModuleNotFoundError as error:
        text = (
            f"{spec.path} has certificates, and to check them here the package {error.name} is "
            "needed: install slipway-cli with its extra 'access' (docs/command-line.md)"
        )
        raise CommandError(Exit.REFUSED, text) from None


def json_body(document: dict[str, Any]) -> SpecFile:
    """Returns a spec that was made or changed in this process, to be sent."""
    return SpecFile("the spec", json.dumps(document).encode(), JSON, document)


def read_spec(file: str) -> SpecFile:
    """Returns the content of a file. Raises CommandError."""
    path = "standard input" if file == STANDARD_INPUT else file
    try:
        if file == STANDARD_INPUT:
            body = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                body = opened.read(MAX_BYTES + 1)
        text = body.decode()
    except OSError as error:
        text = f"cannot read {path}: {error.strerror or error}"
        raise CommandError(Exit.REFUSED, text) from None
    except UnicodeDecodeError as error:
        text = f"{path} is not well-formed: byte {error.start + 1} is not UTF-8"
        raise CommandError(Exit.REFUSED, text) from None
    if len(body) > MAX_BYTES:
        text = f"{path} is larger than the {MAX_BYTES} bytes that the API takes"
        raise CommandError(Exit.REFUSED, text)
    content_type = _content_type(file, text)
    try:
        document = plain_json(text) if content_type == JSON else plain_yaml(text)
    except NotPlainError as error:
        raise CommandError(Exit.REFUSED, f"{path} is not well-formed: {error}") from None
    return SpecFile(path, body, content_type, document)


def _content_type(file: str, text: str) -> str:
    """Returns JSON for a file of that name, and for a text that is JSON unless its name says YAML.
    Both readers would accept most JSON, but JSON may be indented with tabs."""
    suffix = Path(file).suffix.lower()
    if suffix in (".yaml", ".yml") or (suffix != ".json" and not text.lstrip().startswith("{")):
        return YAML
    if suffix == ".json":
        return JSON
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return YAML
    return JSON
