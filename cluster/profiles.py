"""Profiles for resource groups that carry the tag `slipway`.

A tag has fewer rights than a spec: it chooses a profile and a few numbers within the operator's
bounds. It never sets artifacts, proxy, image or addresses.
"""

import hashlib
import json
import re
from typing import Any, cast

from cluster.faults import Fault, SpecRefusedError
from cluster.model import Contract

TAG = "slipway"
MAX_TAG = 256
# Characters of a cluster's name, and of the hash in the name of a cluster whose group's name cannot
# be one.
MAX_NAME, HASH = 24, 6


class Bound(Contract):
    """The allowed values of an override: a range of numbers, or a list of numbers."""

    low: int = 0
    high: int = 0
    choices: tuple[int, ...] = ()

    def admits(self, value: int) -> bool:
        return value in self.choices if self.choices else self.low <= value <= self.high

    @property
    def text(self) -> str:
        return " or ".join(map(str, self.choices)) if self.choices else f"{self.low} to {self.high}"


class Profile(Contract):
    """A spec without a name, and the fields that a tag may change in it."""

    spec: dict[str, Any]
    bounds: dict[str, Bound]


BUILT_IN = {
    "small": Profile(
        spec={"etcd": {"count": 1}, "controlPlane": {"count": 1}},
        bounds={"workers": Bound(low=1, high=5)},
    ),
    "standard": Profile(
        spec={"etcd": {"count": 3}, "controlPlane": {"count": 3}},
        bounds={
            "workers": Bound(low=1, high=20),
            "etcd": Bound(choices=(3, 5)),
            "controlPlane": Bound(choices=(1, 3)),
        },
    ),
}


def load_profiles(configured: str) -> dict[str, Profile]:
    """Returns the profiles by name: the built-in ones and the operator's (a JSON object by name).

    A profile of the operator replaces a built-in one of the same name.
    """
    if not configured:
        return BUILT_IN
    entries = cast(dict[str, Any], json.loads(configured))
    return BUILT_IN | {name: Profile.model_validate(entry) for name, entry in entries.items()}


def spec_from_tag(
    tag: str, group: str, location: str, profiles: dict[str, Profile]
) -> dict[str, Any]:
    """Converts a tag such as `small;workers=3` to a spec document for that group.

    Raises:
        SpecRefusedError: the tag is invalid. The faults name what is wrong and what is allowed.
    """
    faults: list[Fault] = []
    name, *parts = [part.strip() for part in tag[:MAX_TAG].split(";")]
    profile = profiles.get(name)
    if profile is None:
        raise _refused("", f"no profile '{name[:40]}'", ", ".join(sorted(profiles)))
    document: dict[str, Any] = json.loads(json.dumps(profile.spec))
    for part in filter(None, parts):
        key, _, text = (piece.strip() for piece in part.partition("="))
        bound = profile.bounds.get(key)
        if bound is None:
            allowed = ", ".join(sorted(profile.bounds)) or "no override"
            faults.append(
                Fault(path=f"{TAG}.{key[:40]}", message="is not open to tags", allowed=allowed)
            )
        elif not re.fullmatch(r"[0-9]{1,4}", text) or not bound.admits(int(text)):
            faults.append(
                Fault(
                    path=f"{TAG}.{key}",
                    message=f"'{text[:20]}' is out of bounds",
                    allowed=bound.text,
                )
            )
        elif key == "workers":
            document["workers"] = [{"name": "worker", "count": int(text)}]
        else:
            document.setdefault(key, {})["count"] = int(text)
    if faults:
        raise SpecRefusedError(faults)
    return document | {
        "name": cluster_name(group),
        "resourceGroup": group,
        "location": location.lower().replace(" ", ""),
    }


def cluster_name(group: str) -> str:
    """Returns the name of a tagged group's cluster.

    It is the group's name without characters that a cluster's name cannot have.
    """
    name = re.sub(r"[^a-z0-9-]+", "-", group.lower()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)[:MAX_NAME].strip("-")
    return name if len(name) >= 3 else f"rg-{name or 'x'}"


def unique_cluster_name(group: str) -> str:
    """Returns the name of a tagged group's cluster if `cluster_name` may be that of another one: a
    part of that name, and a hash of the group's name, which Azure compares without regard to
    case."""
    digest = hashlib.sha256(group.lower().encode()).hexdigest()[:HASH]
    return f"{cluster_name(group)[: MAX_NAME - HASH - 1].strip('-')}-{digest}"


def _refused(path: str, message: str, allowed: str) -> SpecRefusedError:
    return SpecRefusedError([Fault(path=f"{TAG}{path}", message=message, allowed=allowed)])
