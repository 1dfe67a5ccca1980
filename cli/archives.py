"""Reads tar archives of strangers: the names of members, and the names of images in them."""

import json
import lzma
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, cast

# The annotations from which containerd takes an image's name in an OCI archive, the first first.
OCI_NAME, OCI_REFERENCE = "io.containerd.image.name", "org.opencontainers.image.ref.name"
# A reference without these is only a tag. containerd then makes up a name.
NAME_MARKS = frozenset("/:@")
# What `tarfile` raises for files that are no archives or are damaged. It does not wrap the errors
# of its decompressors. A link to itself recurses.
UNREADABLE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, RecursionError)


def files_in(path: Path, strip: int) -> set[str] | None:
    """Returns the paths of the files and links in a tar archive without their first `strip`
    folders, or None if the file is not a readable archive."""
    try:
        with tarfile.open(path) as archive:
            names = [one.name for one in archive if one.isfile() or one.issym() or one.islnk()]
    except UNREADABLE:
        return None
    return {str(PurePosixPath(*PurePosixPath(name).parts[strip:])) for name in names}


def image_names(path: Path) -> set[str]:
    """Returns the image names in an archive of `docker save` or skopeo, or in an OCI archive."""
    try:
        with tarfile.open(path) as archive:
            saved, index = _json(archive, "manifest.json"), _json(archive, "index.json")
    except (*UNREADABLE, ValueError):
        return set()
    if isinstance(saved, list):
        tags = [_field(one, "RepoTags") for one in cast("list[Any]", saved)]
        found = [tag for listed in tags if isinstance(listed, list) for tag in listed]
    else:
        manifests = _field(index, "manifests")
        listed = cast("list[Any]", manifests) if isinstance(manifests, list) else []
        found = [_oci_name(_field(one, "annotations")) for one in listed]
    return {name for name in found if isinstance(name, str) and name}


def _oci_name(annotations: Any) -> Any:
    name, reference = _field(annotations, OCI_NAME), _field(annotations, OCI_REFERENCE)
    if name or not isinstance(reference, str):
        return name
    return reference if NAME_MARKS & set(reference) else None


def _field(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _json(archive: tarfile.TarFile, name: str) -> Any:
    """Returns the value of a member at the archive's top; None if there is no such file."""
    members = (one for one in archive.getmembers() if str(PurePosixPath(one.name)) == name)
    member = next(members, None)
    try:
        file = archive.extractfile(member) if member else None
    except KeyError:  # a link that leads nowhere
        return None
    return json.load(file) if file else None
