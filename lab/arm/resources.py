"""The resources of a template: unrolls loops, evaluates conditions, and moves child resources to
the top level."""

from dataclasses import dataclass, field, replace
from typing import Any

from lab.arm.concrete import Concrete, pruned
from lab.arm.errors import ExpressionError, invalid_at, invalid_template
from lab.arm.functions.values import Mismatch, need
from lab.arm.ids import extension_id, relative_id, take_apart, typed_id
from lab.arm.inspection import NESTED, without_template
from lab.arm.scope import NotYet, Pending, Scope

MAX_RESOURCES = 800
OWN = {
    "apiVersion", "comments", "condition", "copy", "dependsOn", "metadata", "name", "resourceGroup",
    "resources", "scope", "subscriptionId", "type",
}  # fmt: skip


@dataclass
class Unrolled:
    """The result of `unroll`. `loops` holds the ids that each loop creates, by the loop's name in
    lower case. `skipped` holds the ids, in lower case, whose condition is false."""

    resources: list[Concrete] = field(default_factory=list[Concrete])
    loops: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    skipped: set[str] = field(default_factory=set[str])

    def known(self) -> set[str]:
        return {concrete.id.lower() for concrete in self.resources}


@dataclass(frozen=True)
class Parent:
    type: str
    name: str
    id: str


def unroll(template: dict[str, Any], scope: Scope) -> Unrolled:
    """Returns the template's resources with loops unrolled. Raises ArmError (InvalidTemplate)."""
    found = Unrolled()
    for index, raw in enumerate(template.get("resources") or []):
        _expand(raw, scope, found, f"resources[{index}]", None)
    if len(found.resources) > MAX_RESOURCES:
        raise invalid_template(
            f"The number of template resources limit exceeded. Limit: '{MAX_RESOURCES}' and "
            f"actual: '{len(found.resources)}'"
        )
    return found


def _expand(
    raw: dict[str, Any], scope: Scope, found: Unrolled, path: str, parent: Parent | None
) -> None:
    loop = raw.get("copy")
    try:
        if not loop:
            _add(raw, scope, found, path, parent)
            return
        if parent:
            raise ExpressionError("A child resource inside of its parent cannot have a copy loop")
        name = need(loop.get("name"), str)
        count = scope.count(loop)
        batch = scope.value(loop.get("batchSize", 1))
    except (ExpressionError, Mismatch) as error:
        wrong = error if isinstance(error, ExpressionError) else ExpressionError(str(error))
        raise invalid_at("resource", str(raw["name"]), path, wrong) from None
    serial = str(loop.get("mode", "parallel")).lower() == "serial"
    ids: list[str] = []
    for index in range(count):
        try:
            concrete = _add(raw, scope.in_copy(name, index), found, path, parent)
        except ExpressionError as error:
            raise invalid_at("resource", str(raw["name"]), path, error) from None
        if concrete:
            if serial and len(ids) >= batch:
                concrete.depends_on.append(ids[-batch])
            ids.append(concrete.id)
    found.loops[name.lower()] = ids


def _add(
    raw: dict[str, Any], scope: Scope, found: Unrolled, path: str, parent: Parent | None
) -> Concrete | None:
    fixed = replace(scope, reference=None)  # names and conditions are evaluated before deployment
    name, kind = need_text(fixed, raw, "name"), need_text(fixed, raw, "type")
    if parent:
        kind, name = f"{parent.type}/{kind}", f"{parent.name}/{name}"
    group = str(fixed.value(raw.get("resourceGroup") or scope.place.group))
    if "subscriptionId" in raw:
        key = "subscriptionId"
        raise ExpressionError(f"The stand-in does not take '{key}' of a resource").within(key)
    target = _target(fixed, raw, group)
    try:
        identity = (
            extension_id(target, kind, name)
            if target
            else typed_id(scope.place.subscription, group, kind, name)
        )
    except Mismatch as error:
        raise ExpressionError(f"incorrect segment lengths: {error}") from None
    condition = fixed.value(raw.get("condition", True))
    if type(condition) is not bool:
        raise ExpressionError("The condition must be a boolean").within("condition")
    if not condition or (parent and parent.id.lower() in found.skipped):
        found.skipped.add(identity.lower())
        _children(raw, scope, found, path, Parent(kind, name, identity))
        return None
    if identity.lower() in found.known():
        raise invalid_template(
            f"The resource '{identity}' at '{path}' is defined multiple times in a template"
        )
    referenced: list[str] = []
    concrete = Concrete(
        id=identity,
        type=kind,
        name=name,
        api_version=need_text(fixed, raw, "apiVersion"),
        group=take_apart(target).group if target else group,
        scope=target,
        body=_body(raw, replace(scope, reference=_collector(referenced)), kind),
        depends_on=[str(fixed.value(item)) for item in raw.get("dependsOn") or []],
        referenced=referenced,
    )
    if parent:
        concrete.depends_on.append(parent.id)
    found.resources.append(concrete)
    _children(raw, scope, found, path, Parent(kind, name, identity))
    return concrete


def _target(scope: Scope, raw: dict[str, Any], group: str) -> str:
    """Returns the id of the resource that an extension extends, or an empty string if there is no
    scope."""
    if "scope" not in raw:
        return ""
    try:
        text = need_text(scope, raw, "scope")
        place = scope.place
        target = text if text.startswith("/") else relative_id(place.subscription, group, text)
        if not f"{target}/".lower().startswith(f"/subscriptions/{place.subscription}/".lower()):
            raise Mismatch("the stand-in has one subscription, and nothing above it")
    except Mismatch as error:
        raise ExpressionError(f"The scope is not valid: {error}").within("scope") from None
    return target


def _children(
    raw: dict[str, Any], scope: Scope, found: Unrolled, path: str, parent: Parent
) -> None:
    for index, child in enumerate(raw.get("resources") or []):
        _expand(child, scope, found, f"{path}.resources[{index}]", parent)


def _body(raw: dict[str, Any], scope: Scope, kind: str) -> dict[str, Any]:
    rest = {key: value for key, value in raw.items() if key not in OWN}
    if kind.lower() != NESTED:
        return pruned(scope.value(rest))
    body = pruned(scope.value({**rest, "properties": without_template(raw)}))
    body["properties"]["template"] = (raw.get("properties") or {}).get("template")
    return body


def _collector(referenced: list[str]) -> Any:
    def reference(target: str, full: bool) -> Any:
        del full
        referenced.append(target)
        raise NotYet

    return reference


def need_text(scope: Scope, raw: dict[str, Any], key: str) -> str:
    value = scope.value(raw[key])
    if not isinstance(value, str) or isinstance(value, Pending):
        raise ExpressionError("The value must be a string").within(key)
    return value
