"""Evaluation of values in one deployment: parameters, variables, loops, references."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lab.arm.errors import ArmError, invalid_template
from lab.arm.expressions import Access, Call, Literal, Node, access, is_expression, parse
from lab.arm.functions import FUNCTIONS


class NotYet(Exception):  # noqa: N818 -- a signal
    """`reference` of a resource that is not deployed yet: evaluated later."""


@dataclass(frozen=True)
class Scope:
    """What an expression can see. `reference` returns a deployed resource's runtime state."""

    subscription: str
    group: str
    location: str
    deployment: str
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    default_copy: str = ""
    lambdas: Mapping[str, Any] = field(default_factory=dict)
    reference: Callable[[str, bool], Any] | None = None

    def in_copy(self, name: str, index: int) -> "Scope":
        return replace(self, copies={**self.copies, name: index}, default_copy=name)

    def value(self, raw: Any) -> Any:
        """Every expression inside a JSON value, evaluated."""
        if isinstance(raw, str):
            if is_expression(raw):
                return self.node(parse(raw))
            return raw[1:] if raw.startswith("[[") else raw
        if isinstance(raw, list):
            return [self.value(item) for item in raw]
        if isinstance(raw, dict):
            return {str(self.value(key)): self.value(item) for key, item in raw.items()}
        return raw

    def node(self, node: Node) -> Any:
        match node:
            case Literal(value):
                return value
            case Access(target, key):
                return access(self.node(target), self.node(key))
            case Call():
                return self._call(node)

    def resource_id(self, *parts: Any, group: str | None = None) -> str:
        words = [str(part) for part in parts]
        at = next((i for i, word in enumerate(words) if "/" in word), None)
        if at is None:
            raise invalid_template("resourceId needs a resource type")
        if at == 1:
            group = words[0]
        kinds = words[at].split("/")
        names = words[at + 1 :]
        if len(names) != len(kinds) - 1:
            raise invalid_template(f"resourceId of '{words[at]}' needs {len(kinds) - 1} names")
        path = "/".join(f"{k}/{n}" for k, n in zip(kinds[1:], names, strict=True))
        root = f"/subscriptions/{self.subscription}/resourceGroups/{group or self.group}"
        return f"{root}/providers/{kinds[0]}/{path}"

    def _call(self, call: Call) -> Any:
        name = call.name.lower()
        special = getattr(self, f"_do_{name}", None)
        if special is not None:
            return special(call)
        function = FUNCTIONS.get(name)
        if function is None:
            raise invalid_template(f"The template function '{call.name}' is not valid")
        arguments = [self.node(argument) for argument in call.arguments]
        try:
            return function(*arguments)
        except ArmError:
            raise
        except Exception as error:
            raise invalid_template(
                f"The template function '{call.name}' was not expected: {error}"
            ) from None

    def _one(self, call: Call) -> Any:
        if len(call.arguments) != 1:
            raise invalid_template(f"'{call.name}' takes one argument")
        return self.node(call.arguments[0])

    def _do_parameters(self, call: Call) -> Any:
        return self._named(self.parameters, str(self._one(call)), "parameter")

    def _do_variables(self, call: Call) -> Any:
        return self._named(self.variables, str(self._one(call)), "variable")

    def _named(self, holder: Mapping[str, Any], name: str, what: str) -> Any:
        for key, value in holder.items():
            if key.lower() == name.lower():
                return value() if callable(value) else value
        raise invalid_template(f"The template {what} '{name}' is not found")

    def _do_if(self, call: Call) -> Any:
        test, yes, no = call.arguments
        return self.node(yes if self.node(test) else no)

    def _do_copyindex(self, call: Call) -> int:
        arguments = [self.node(argument) for argument in call.arguments]
        name = arguments[0] if arguments and isinstance(arguments[0], str) else self.default_copy
        offset = next((a for a in arguments if isinstance(a, int)), 0)
        if name not in self.copies:
            raise invalid_template("'copyIndex' is used outside of its loop")
        return self.copies[name] + offset

    def _do_lambda(self, call: Call) -> Callable[..., Any]:
        *names, body = call.arguments
        words = [str(self.node(name)) for name in names]

        def run(*values: Any) -> Any:
            bound = dict(zip(words, values, strict=False))
            return replace(self, lambdas={**self.lambdas, **bound}).node(body)

        return run

    def _do_lambdavariables(self, call: Call) -> Any:
        return self._named(self.lambdas, str(self._one(call)), "lambda variable")

    def _do_map(self, call: Call) -> list[Any]:
        items, function = (self.node(argument) for argument in call.arguments)
        return [function(item) for item in items]

    def _do_filter(self, call: Call) -> list[Any]:
        items, function = (self.node(argument) for argument in call.arguments)
        return [item for item in items if function(item)]

    def _do_resourceid(self, call: Call) -> str:
        return self.resource_id(*(self.node(argument) for argument in call.arguments))

    def _do_subscriptionresourceid(self, call: Call) -> str:
        kind, *names = (str(self.node(argument)) for argument in call.arguments)
        kinds = kind.split("/")
        path = "/".join(f"{k}/{n}" for k, n in zip(kinds[1:], names, strict=True))
        return f"/subscriptions/{self.subscription}/providers/{kinds[0]}/{path}"

    def _do_subscription(self, _: Call) -> dict[str, Any]:
        return {"id": f"/subscriptions/{self.subscription}", "subscriptionId": self.subscription}

    def _do_resourcegroup(self, _: Call) -> dict[str, Any]:
        root = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return {"id": root, "name": self.group, "location": self.location}

    def _do_deployment(self, _: Call) -> dict[str, Any]:
        return {"name": self.deployment}

    def _do_reference(self, call: Call) -> Any:
        if self.reference is None:
            raise invalid_template("'reference' is not expected at this location")
        arguments = [str(self.node(argument)) for argument in call.arguments]
        target = arguments[0]
        if not target.startswith("/"):
            raise invalid_template("'reference' takes a resource id here")
        return self.reference(target, "full" in [a.lower() for a in arguments[1:]])
