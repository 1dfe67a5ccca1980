"""Profiles for resource groups that carry the tag `slipway`.

Event Grid is not a superuser: a tag chooses a profile and a few numbers inside the bounds that the
operator set; never artifacts, proxy, image or addresses.
"""

import json
import re
from typing import Any, cast

from cluster.faults import Fault, SpecRefusedError
from cluster.model import Contract

TAG = "slipway"
MAX_TAG = 256


class Bound(Contract):
    """What an override may be: a number in a range, or one of some."""

    low: int = 0
    high: int = 0
    choices: tuple[int, ...] = ()

    def admits(self, value: int) -> bool:
        return value in self.choices if self.choices else self.low <= value <= self.high

    @property
    def text(self) -> str:
        return " or ".join(map(str, self.choices)) if self.choices else f"{self.low} to {self.high}"


class Profile(Contract):
    """A spec without a name, and what a tag may change in it."""

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
    """The operator's profiles (a JSON object by name) beside or over the built-in ones."""
    if not configured:
        return BUILT_IN
    entries = cast(dict[str, Any], json.loads(configured))
    return BUILT_IN | {name: Profile.model_validate(entry) for name, entry in entries.items()}


def spec_from_tag(
    tag: str, group: str, location: str, profiles: dict[str, Profile]
) -> dict[str, Any]:
    """`small;workers=3` to a spec document for that group.

    Raises:
        SpecRefusedError: with what is wrong with the tag and what is allowed.
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
    """The cluster of a tagged group: the group's name, less what a cluster's name cannot hold."""
    name = re.sub(r"[^a-z0-9-]+", "-", group.lower()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)[:24].strip("-")
    return name if len(name) >= 3 else f"rg-{name or 'x'}"


def _refused(path: str, message: str, allowed: str) -> SpecRefusedError:
    return SpecRefusedError([Fault(path=f"{TAG}{path}", message=message, allowed=allowed)])
