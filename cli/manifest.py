"""Strict reader of a mirror's manifest. It reports every error with its file and field."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from cli.exits import CommandError, Exit
from cluster.fault_texts import fault_of
from cluster.strict_parsing import plain_yaml


def _text(value: object) -> object:
    """Requires a string, because YAML reads an unquoted 1.36 or 1.10 as a number, and 2026-01-01 as
    a date."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, is {value!r}: write it in quotes")  # noqa: TRY004
    return value


def _address(url: str) -> str:
    """Requires a file name that is the same in an address and on a disk. Of an address only the
    file's name counts in a mirror."""
    name = url.rpartition("/")[2]
    if not re.fullmatch(PART, name):
        raise ValueError(f"the file name {name!r} may have letters, digits and . + _ ~ - only")
    return url


PART = r"[A-Za-z0-9][A-Za-z0-9.+_~-]*"

type Text = Annotated[str, BeforeValidator(_text), StringConstraints(min_length=1)]
# Names and versions are names of folders in the mirror.
type Part = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=f"^{PART}$")]
type Url = Annotated[str, BeforeValidator(_text), AfterValidator(_address)]
type Sha256 = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^[0-9a-f]{64}$")]
type Digest = Annotated[
    str, BeforeValidator(_text), StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")
]
type Minor = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^\d+\.\d+$")]
LONGEST = 200


class Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Part
    version: Part

    @staticmethod
    def file_name(url: str) -> str:
        return url.rpartition("/")[2]


class File(Entry):
    url: Url
    sha256: Sha256


class Image(Entry):
    """An image: either an archive (`url`, `sha256`) or, in the official manifest, a digest to
    pull."""

    image: Text
    url: Url | None = None
    sha256: Sha256 | None = None
    digest: Digest | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.url and not self.sha256:
            raise ValueError("has a url but no sha256")
        if not self.url and not self.digest:
            raise ValueError("needs url and sha256 of an archive, or a digest")
        return self


def _once[E: Entry](entries: list[E]) -> list[E]:
    """Raises ValueError for two entries with the same name: the play would use the last one without
    a warning."""
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return entries


type Files = Annotated[list[File], Field(min_length=1), AfterValidator(_once)]
type Images = Annotated[list[Image], Field(min_length=1), AfterValidator(_once)]


class Release(BaseModel):
    version: Part
    artifacts: Files
    images: Images


class Manifest(BaseModel):
    """Unknown fields are kept, so that a check can name one that is misspelt."""

    model_config = ConfigDict(extra="allow")

    artifacts: Files
    kubernetes: dict[Minor, Release] = {}

    def release_faults(self) -> Iterator[str]:
        """Yields what the fields alone do not show. The play stores the files of one release and
        all others in one directory of the controller."""
        for minor, release in self.kubernetes.items():
            place = f"kubernetes.{minor}"
            if not release.version.startswith(f"{minor}."):
                yield f"{place}.version: {release.version} is no version of {minor}"
            files: dict[str, str] = {}
            names = {entry.name for entry in self.artifacts}
            for entry in (*self.artifacts, *release.artifacts, *release.images):
                file = entry.file_name(entry.url or entry.name)
                if (other := files.setdefault(file, entry.name)) != entry.name:
                    yield f"{place}: {other} and {entry.name} have the same file name, {file}"
            for entry in release.artifacts:
                if entry.name in names:
                    yield f"{place}.artifacts: {entry.name} is in 'artifacts', too"


def read_document(path: Path) -> dict[str, Any]:
    """Returns the parsed document after it was validated as a Manifest. Raises CommandError with
    every error in it."""
    try:
        document = plain_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(path, [error.strerror or type(error).__name__]) from None
    except ValueError as error:
        raise _refused(path, [f"not YAML that can be read: {_short(str(error))}"]) from None
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}"
        raise _refused(path, [f"must be a mapping with 'artifacts', is {kind}"])
    try:
        faults = list(Manifest.model_validate(document).release_faults())
    except (ValidationError, RecursionError) as error:
        faults = _faults(error) if isinstance(error, ValidationError) else ["nested too deeply"]
    if faults:
        raise _refused(path, faults)
    return document


def read_manifest(path: Path) -> Manifest:
    return Manifest.model_validate(read_document(path))


def _faults(error: ValidationError) -> list[str]:
    found: list[str] = []
    for one in error.errors(include_url=False):
        place = ""
        for part in one["loc"]:
            if part != "[key]":
                place += (
                    f"[{part}]" if isinstance(part, int) else f".{part}" if place else f"{part}"
                )
        found.append(f"{place.removeprefix('.')}: {_short(_words(one))}")
    return found


def _words(error: Any) -> str:
    """Returns one of pydantic's errors in the words of YAML, if it has them."""
    if error["type"] == "missing" or error["type"].endswith("_type"):
        return fault_of(error).message
    return error["msg"].removeprefix("Value error, ")


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:LONGEST]


def _refused(path: Path, faults: list[str]) -> CommandError:
    lines = "\n".join(f"  {fault}" for fault in faults)
    return CommandError(Exit.REFUSED, f"{path} is not a mirror's manifest:\n{lines}")
