"""Adds a cluster to the user's own kubeconfig, beside what is in it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import yaml

from cli.exits import CommandError, Exit

AUTHORITY = "certificate-authority-data"
PARTS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def own_kubeconfig() -> Path:
    """Returns the file that kubectl reads and writes: the first of KUBECONFIG, or the default."""
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    path = Path(named[0]) if named else Path.home() / ".kube/config"
    # A link to a file elsewhere is kept.
    return path.resolve()


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Holds the lock that kubectl holds while it changes the file.

    Raises:
        CommandError: another program holds it.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        text = f"{lock} exists: another program changes {path}, or was killed meanwhile"
        raise CommandError(Exit.FAILED, f"{text}; if none runs, remove that file") from None
    except OSError as error:
        text = f"cannot write to {path.parent}: {error.strerror}"
        raise CommandError(Exit.FAILED, text) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def merged(path: Path, text: str, *, force: bool) -> tuple[str, str]:
    """Returns the content of the file with the cluster of `text` in it, and the name of the current
    context. That is changed only if there was none.

    Raises:
        CommandError: the file is not a kubeconfig, or has other entries of the same names, and
            `force` does not replace them.
    """
    fresh = cast("dict[str, Any]", yaml.safe_load(text))
    kept = _read(path)
    for part, field in PARTS.items():
        for entry in fresh[part]:
            same = [one for one in kept[part] if one["name"] == entry["name"]]
            if not force and any(one != entry for one in same) and not _is_of(kept, fresh):
                what = f"{path} has another {field} '{entry['name']}'"
                raise CommandError(Exit.REFUSED, f"{what}; --force replaces it")
    for part in PARTS:
        names = [entry["name"] for entry in fresh[part]]
        kept[part] = [one for one in kept[part] if one["name"] not in names] + fresh[part]
    kept["current-context"] = kept.get("current-context") or fresh["current-context"]
    return yaml.safe_dump(kept, sort_keys=False), str(kept["current-context"])


def _is_of(kept: dict[str, Any], fresh: dict[str, Any]) -> bool:
    """Whether the file has an earlier entry of the same cluster: of that name and authority."""
    (cluster,) = fresh["clusters"]
    for one in kept["clusters"]:
        held: Any = one.get("cluster")
        if one["name"] == cluster["name"] and isinstance(held, dict):
            authority = cast("dict[str, Any]", held).get(AUTHORITY)
            return authority == cluster["cluster"][AUTHORITY]
    return False


def _read(path: Path) -> dict[str, Any]:
    """Returns the file with all of its lists; an empty kubeconfig if there is no file."""
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise CommandError(Exit.REFUSED, f"cannot read {path}: {reason}") from None
    found: Any = {"apiVersion": "v1", "kind": "Config"} if document is None else document
    if not isinstance(found, dict) or not all(
        _is_named_list(cast("dict[str, Any]", found).get(part)) for part in PARTS
    ):
        raise CommandError(Exit.REFUSED, f"{path} is not a kubeconfig; nothing was changed")
    known = cast("dict[str, Any]", found)
    return known | {part: known.get(part) or [] for part in PARTS}


def _is_named_list(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and all(
        isinstance(one, dict) and "name" in one for one in cast("list[Any]", value)
    )
