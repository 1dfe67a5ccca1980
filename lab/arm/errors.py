"""ARM's errors, as the service words them."""

from typing import Any


class ArmError(Exception):
    """An error answer: HTTP status, code, message, nested details."""

    def __init__(
        self, status: int, code: str, message: str, details: list[dict[str, Any]] | None = None
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.details = details or []
        super().__init__(f"{code}: {message}")

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            body["details"] = self.details
        return body


def invalid_template(message: str) -> ArmError:
    return ArmError(400, "InvalidTemplate", f"Deployment template validation failed: '{message}'.")
