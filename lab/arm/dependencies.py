"""The dependencies of a resource: `dependsOn`, names of loops, and the targets of `reference`."""

from typing import Any

from lab.arm.concrete import Concrete
from lab.arm.errors import invalid_template
from lab.arm.functions.values import Mismatch
from lab.arm.ids import typed_id


def resolve_dependencies(
    resources: list[Concrete], loops: dict[str, list[str]], skipped: set[str], subscription: str
) -> None:
    """Replaces each resource's `depends_on` by ids of this template's resources, in lower case.

    Raises:
        ArmError: InvalidTemplate, for a dependency that is undefined or ambiguous, or a cycle.
    """
    ids = {concrete.id.lower(): concrete for concrete in resources}
    names: dict[str, list[str]] = {}
    for key in [*ids, *skipped]:
        names.setdefault(key.rpartition("/")[2], []).append(key)
    for concrete in resources:
        found: list[str] = []
        for item in concrete.depends_on:
            key = item.lower().replace(
                "/providers/microsoft.resources/resourcegroups/", "/resourcegroups/"
            )
            full = key if key.startswith("/") else _full(key, concrete, subscription)
            if key in loops:
                found += [identity.lower() for identity in loops[key]]
            elif full in ids or full in skipped:
                found.append(full)
            elif len(names.get(key, [])) == 1:
                found.append(names[key][0])
            elif len(names.get(key, [])) > 1:
                raise invalid_template(
                    f"The template resource reference '{item}' is not valid: it could match "
                    "multiple resources"
                )
            else:
                raise invalid_template(
                    f"The resource '{item}' is not defined in the template, and "
                    f"'{concrete.name}' depends on it. "
                    "Please see https://aka.ms/arm-syntax for usage details."
                )
        for target in map(str.lower, concrete.referenced):
            found += [target] if target in ids else names.get(target, [])
        concrete.depends_on = [key for key in dict.fromkeys(found) if key in ids]
    _refuse_circles(ids)


def _full(key: str, concrete: Concrete, subscription: str) -> str:
    """Returns the id, in lower case, for a dependency of the form `Microsoft.X/y/name`. Returns
    `key` unchanged if it has another form."""
    namespace, *rest = key.split("/")
    if len(rest) < 2 or len(rest) % 2 or "." not in namespace:
        return key
    kind = "/".join([namespace, *rest[::2]])
    try:
        return typed_id(subscription, concrete.group, kind, "/".join(rest[1::2])).lower()
    except Mismatch:
        return key


def _refuse_circles(ids: dict[str, Concrete]) -> None:
    done: set[str] = set()
    for start in ids:
        stack: list[tuple[str, bool]] = [(start, False)]
        path: dict[str, Any] = {}
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.pop(node)
                done.add(node)
            elif node in path:
                circle = " -> ".join([*list(path)[list(path).index(node) :], node])
                raise invalid_template(f"Circular dependency detected on resource: '{circle}'")
            elif node not in done:
                path[node] = None
                stack.append((node, True))
                stack += [(other, False) for other in ids[node].depends_on]
