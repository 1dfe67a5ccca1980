"""ARM's errors, in the service's own wording."""

from typing import Any

USAGE = "Please see https://aka.ms/arm-functions for usage details."


class ArmError(Exception):
    """An error response: HTTP status, code, message, nested details, and the property it is about
    (`target`). `path` is the place in the template, for an error in a template."""

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
            # The line numbers in the template are unknown here. The service often does not know
            # them either.
            place = {"lineNumber": 0, "linePosition": 0, "path": self.path}
            body["additionalInfo"] = [{"type": "TemplateViolation", "info": place}]
        return body


class ExpressionError(Exception):
    """An expression cannot be parsed or evaluated. `path` is the place of the error; each caller
    adds its part with `within`."""

    def __init__(self, message: str) -> None:
        self.path = ""
        super().__init__(message)

    def within(self, part: str | int) -> "ExpressionError":
        """Adds a part to the front of the path, and returns this error."""
        own = f"[{part}]" if isinstance(part, int) else f".{part}"
        self.path = own + self.path
        return self


def invalid_template(message: str, path: str = "") -> ArmError:
    whole = f"Deployment template validation failed: '{message}'."
    return ArmError(400, "InvalidTemplate", whole, path=path)


def invalid_at(what: str, name: str, path: str, error: ExpressionError) -> ArmError:
    """Returns an InvalidTemplate error with the path of the invalid expression. ARM gives a line
    and a column of a text that the caller never sees."""
    place = (path + error.path).removeprefix(".")
    return invalid_template(
        f"The template {what} '{name}' at '{place}' is not valid: {error}. {USAGE}", place
    )
