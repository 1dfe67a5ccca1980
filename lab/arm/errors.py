"""ARM's errors, as the service words them."""

from typing import Any

USAGE = "Please see https://aka.ms/arm-functions for usage details."


class ArmError(Exception):
    """An error answer: HTTP status, code, message, nested details, the property it is about.
    `path` is the place in the template, of an error that is about one."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, Any]] | None = None,
        target: str = "",
        path: str | None = None,
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.details, self.target, self.path = details or [], target, path
        super().__init__(f"{code}: {message}")

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        if self.details:
            body["details"] = self.details
        if self.path is not None:
            # The lines of the template are not known here, as often they are not to the service.
            place = {"lineNumber": 0, "linePosition": 0, "path": self.path}
            body["additionalInfo"] = [{"type": "TemplateViolation", "info": place}]
        return body


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated; `path` grows on the way out."""

    def __init__(self, message: str) -> None:
        self.path = ""
        super().__init__(message)

    def within(self, part: str | int) -> "ExpressionError":
        """The same, one level further out."""
        own = f"[{part}]" if isinstance(part, int) else f".{part}"
        self.path = own + self.path
        return self


def invalid_template(message: str, path: str = "") -> ArmError:
    whole = f"Deployment template validation failed: '{message}'."
    return ArmError(400, "InvalidTemplate", whole, path=path)


def invalid_at(what: str, name: str, path: str, error: ExpressionError) -> ArmError:
    """ARM gives line and column, of a text that the caller never sees; this gives the path."""
    place = (path + error.path).removeprefix(".")
    return invalid_template(
        f"The template {what} '{name}' at '{place}' is not valid: {error}. {USAGE}", place
    )
