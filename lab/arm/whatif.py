"""What-if: compares a deployment's resources with the existing ones.

Source: Deployments - What If; shape as in the recording test_resource_group_level_what_if.
"""

from typing import Any

from lab.arm.answers import plain
from lab.arm.concrete import Concrete
from lab.arm.disks import name_disks
from lab.arm.kinds import MACHINE, checked, keep_immutable, kind_of
from lab.arm.state import SECRETS, ArmState, without_secrets
from lab.arm.template import Evaluation


def compare(state: ArmState, group: str, evaluation: Evaluation, *, full: bool) -> dict[str, Any]:
    """Returns the `properties` of the response. With `full`, each change includes the resource
    before and after it."""
    changes = [_change(state, concrete) for concrete in evaluation.resources]
    named = {change["resourceId"].lower() for change in changes}
    for resource in state.in_group(group) if group else []:
        top = resource["type"].count("/") == 1 and not resource.get("managedBy")
        if top and resource["id"].lower() not in named:
            shown = _shown(resource["id"], resource["type"], resource["body"], "")
            changes.append(
                {
                    "resourceId": resource["id"],
                    "changeType": "Ignore",
                    "before": shown,
                    "after": shown,
                }
            )
    if not full:
        kept = ("resourceId", "changeType")
        changes = [
            {key: change[key] for key in kept}
            | ({"delta": change["delta"]} if "delta" in change else {})
            for change in changes
        ]
    return {"changes": changes}


def _change(state: ArmState, concrete: Concrete) -> dict[str, Any]:
    kind = kind_of(concrete)
    body = plain(checked(kind, concrete, concrete.body))
    if concrete.type.lower() == MACHINE:
        name_disks(concrete, body)
    new = without_secrets(body)
    old = state.get(concrete.id)
    after = _shown(concrete.id, concrete.type, new, concrete.api_version)
    if old is None:
        return {"resourceId": concrete.id, "changeType": "Create", "after": after}
    keep_immutable(kind, old["body"], new)
    before = _shown(concrete.id, concrete.type, old["body"], concrete.api_version)
    delta = differences(old["body"], new)
    change = {"resourceId": concrete.id, "before": before, "after": after}
    if not delta:
        return {**change, "changeType": "NoChange"}
    return {**change, "changeType": "Modify", "delta": delta}


def _shown(identity: str, kind: str, body: dict[str, Any], version: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": identity, "name": identity.rpartition("/")[2], "type": kind}
    if version:
        found["apiVersion"] = version
    return {**found, **_without(body)}


def _without(value: Any) -> Any:
    """Returns the value without secrets, not even their hashes."""
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in SECRETS}
    if isinstance(value, list):
        return [_without(item) for item in value]
    return value


def differences(old: Any, new: Any, path: str = "") -> list[dict[str, Any]]:
    """Returns the property changes. Objects are compared by path; a list's changes have its items
    as children."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[dict[str, Any]] = []
        for key in [*old, *(key for key in new if key not in old)]:
            place = f"{path}.{key}" if path else key
            if key not in new:
                found.append(_entry(place, "Delete", before=old[key]))
            elif key not in old:
                found.append(_entry(place, "Create", after=new[key]))
            else:
                found += differences(old[key], new[key], place)
        return found
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        return [{"path": path, "propertyChangeType": "Array", "children": _items(old, new)}]
    return [_entry(path, "Modify", before=old, after=new)]


def _items(old: list[Any], new: list[Any]) -> list[dict[str, Any]]:
    children: list[dict[str, Any]] = []
    for index in range(max(len(old), len(new))):
        place = str(index)
        if index >= len(new):
            children.append(_entry(place, "Delete", before=old[index]))
        elif index >= len(old):
            children.append(_entry(place, "Create", after=new[index]))
        elif old[index] != new[index]:
            inner = differences(old[index], new[index])
            children.append({"path": place, "propertyChangeType": "Modify", "children": inner})
    return children


def _entry(path: str, change: str, **values: Any) -> dict[str, Any]:
    hidden = path.rpartition(".")[2] in SECRETS
    shown = {key: "***" if hidden else _without(value) for key, value in values.items()}
    return {"path": path, "propertyChangeType": change, **shown}
