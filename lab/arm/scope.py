"""Evaluates values in one deployment: parameters, variables, loops, references."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lab.arm.errors import ExpressionError
from lab.arm.expressions import Access, Call, Literal, Node, access, is_expression, parse
from lab.arm.functions import FUNCTIONS, Mismatch
from lab.arm.functions.values import find_key, need
from lab.arm.ids import extension_id, group_id, resource_id, subscription_id

MAX_COPY = 800
# Functions that the scope itself evaluates: their least and greatest number of arguments by name.
SPECIAL: dict[str, tuple[int, int | None]] = {
    "copyindex": (0, 2), "deployment": (0, 0), "extensionresourceid": (3, None), "if": (3, 3),
    "lambda": (1, None), "lambdavariables": (1, 1), "parameters": (1, 1), "reference": (1, 3),
    "resourcegroup": (0, 0), "resourceid": (2, None), "subscription": (0, 0),
    "subscriptionresourceid": (2, None), "variables": (1, 1),
}  # fmt: skip


class NotYet(Exception):  # noqa: N818 -- a signal
    """`reference` names a resource that is not deployed yet. The expression is evaluated later."""


type Reference = Callable[[str, bool], Any]


@dataclass(frozen=True)
class Place:
    """Where a deployment runs. `group` is empty for a deployment of the subscription."""

    subscription: str
    group: str
    location: str
    deployment: str = "deployment"
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Pending:
    """An expression that needs a deployed resource. It is evaluated when its own resource is
    deployed."""

    raw: str
    scope: "Scope"


@dataclass(frozen=True)
class Scope:
    """What an expression can use. `reference` returns a deployed resource's runtime state. If
    `reference` or `variables` is None, that function is not allowed here."""

    place: Place
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any] | None = None
    copies: Mapping[str, int] = field(default_factory=dict[str, int])
    default_copy: str = ""
    lambdas: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reference: Reference | None = None

    def in_copy(self, name: str, index: int, *, default: bool = True) -> "Scope":
        copies = {**self.copies, name.lower(): index}
        return replace(
            self, copies=copies, default_copy=name.lower() if default else self.default_copy
        )

    def value(self, raw: Any) -> Any:
        """Returns a JSON value with every expression evaluated and every property loop unrolled.

        Raises:
            ExpressionError: with the reason; the caller adds the place.
        """
        if isinstance(raw, str):
            return self.text(raw)
        if isinstance(raw, list):
            return [self.inside(index, item) for index, item in enumerate(raw)]
        if isinstance(raw, dict):
            loops: Any = raw.get("copy")
            plain = {k: v for k, v in raw.items() if not (k == "copy" and is_loops(loops))}
            found = {str(self.value(key)): self.inside(key, item) for key, item in plain.items()}
            return found | (self.loops(loops) if is_loops(loops) else {})
        return raw

    def inside(self, part: str | int, raw: Any) -> Any:
        try:
            return self.value(raw)
        except ExpressionError as error:
            raise error.within(part) from None

    def text(self, raw: str) -> Any:
        if not is_expression(raw):
            return raw[1:] if raw.startswith("[[") else raw
        try:
            return self.node(parse(raw))
        except NotYet:
            return Pending(raw, self)

    def loops(self, loops: list[dict[str, Any]]) -> dict[str, Any]:
        """Returns the values of property or variable loops by name. In them, `copyIndex` needs the
        loop's name."""
        return {
            loop["name"]: [
                self.in_copy(loop["name"], index, default=False).value(loop["input"])
                for index in range(self.count(loop))
            ]
            for loop in loops
        }

    def count(self, loop: dict[str, Any]) -> int:
        count = self.value(loop.get("count"))
        if type(count) is not int or not 0 <= count <= MAX_COPY:
            raise ExpressionError(
                f"The template copy count '{count}' is not valid. It must be a non-negative "
                f"integer value and cannot exceed '{MAX_COPY}'"
            )
        return count

    def node(self, node: Node) -> Any:
        match node:
            case Literal(value):
                return value
            case Access(target, key):
                return access(self.node(target), self.node(key))
            case Call():
                return self._call(node)

    def _call(self, call: Call) -> Any:
        name = call.name.lower()
        try:
            if name in SPECIAL:
                return getattr(self, f"_do_{name}")(call)
            return FUNCTIONS[name].run(*(self.node(argument) for argument in call.arguments))
        except Mismatch as error:
            raise ExpressionError(
                f"Unable to evaluate template language function '{call.name}': {error}"
            ) from None

    def _words(self, call: Call) -> list[str]:
        return [need(self.node(argument), str) for argument in call.arguments]

    def _do_parameters(self, call: Call) -> Any:
        return self._named(self.parameters, call, "parameter")

    def _do_variables(self, call: Call) -> Any:
        if self.variables is None:
            raise ExpressionError(f"The template function '{call.name}' is not expected here")
        return self._named(self.variables, call, "variable")

    def _do_lambdavariables(self, call: Call) -> Any:
        return self._named(self.lambdas, call, "lambda variable")

    def _named(self, holder: Mapping[str, Any], call: Call, what: str) -> Any:
        name = self._words(call)[0]
        key = find_key(dict(holder), name)
        if key is None:
            raise ExpressionError(f"The template {what} '{name}' is not found")
        found = holder[key]
        return found() if callable(found) else found

    def _do_if(self, call: Call) -> Any:
        test, yes, no = call.arguments
        return self.node(yes if need(self.node(test), bool) else no)

    def _do_copyindex(self, call: Call) -> int:
        arguments = [self.node(argument) for argument in call.arguments]
        name = self.default_copy
        if arguments and isinstance(arguments[0], str):
            name = arguments.pop(0).lower()
        if name not in self.copies:
            raise ExpressionError(
                "The template function 'copyIndex' is not expected at this location. The function "
                f"can only be used in a resource with copy specified (loop '{name}')"
            )
        return self.copies[name] + (need(arguments[0], int) if arguments else 0)

    def _do_lambda(self, call: Call) -> Callable[..., Any]:
        *names, body = call.arguments
        words = [need(self.node(name), str) for name in names]

        def run(*values: Any) -> Any:
            # A lambda may have no name for the index.
            bound = dict(zip(words, values, strict=False))
            return replace(self, lambdas={**self.lambdas, **bound}).node(body)

        return run

    def _do_resourceid(self, call: Call) -> str:
        return resource_id(self.place.subscription, self.place.group, self._words(call))

    def _do_subscriptionresourceid(self, call: Call) -> str:
        return resource_id(self.place.subscription, "", self._words(call))

    def _do_extensionresourceid(self, call: Call) -> str:
        target, kind, *names = self._words(call)
        return extension_id(target, kind, "/".join(names))

    def _do_subscription(self, _: Call) -> dict[str, Any]:
        subscription = self.place.subscription
        return {
            "id": subscription_id(subscription),
            "subscriptionId": subscription,
            "tenantId": subscription,
            "displayName": "lab",
        }

    def _do_resourcegroup(self, call: Call) -> dict[str, Any]:
        if not self.place.group:
            raise ExpressionError(
                f"The template function '{call.name}' is not expected at this location: the "
                "deployment is the subscription's"
            )
        return {
            "id": group_id(self.place.subscription, self.place.group),
            "name": self.place.group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self.place.location,
            "tags": dict(self.place.tags),
            "properties": {"provisioningState": "Succeeded"},
        }

    def _do_deployment(self, _: Call) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.place.deployment,
            "properties": {"mode": "Incremental", "provisioningState": "Accepted"},
        }
        return found if self.place.group else {"location": self.place.location, **found}

    def _do_reference(self, call: Call) -> Any:
        if self.reference is None:
            raise ExpressionError(
                f"The template function '{call.name}' is not expected at this location"
            )
        target, *others = self._words(call)
        return self.reference(target, "full" in [word.lower() for word in others])


def is_loops(value: Any) -> bool:
    """Returns whether the value is a property loop, and not the value of a property named copy."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(item, dict) and {"name", "count", "input"} <= set(item) for item in value
        )
    )


def is_pending(value: Any) -> bool:
    """Returns whether the value contains an expression that needs a deployed resource."""
    if isinstance(value, list):
        return any(map(is_pending, value))
    if isinstance(value, dict):
        return any(map(is_pending, value.values()))
    return isinstance(value, Pending)


def settle(value: Any, reference: Reference) -> Any:
    """Returns the value with its pending expressions evaluated."""
    if isinstance(value, Pending):
        return replace(value.scope, reference=reference).value(value.raw)
    if isinstance(value, list):
        return [settle(item, reference) for item in value]
    if isinstance(value, dict):
        return {key: settle(item, reference) for key, item in value.items()}
    return value
