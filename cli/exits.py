"""Exit codes, and the one exception that ends a command with a message."""

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Part of the interface: scripts branch on them."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    NOT_LOADED = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command. The text goes to standard error as it is; with --json the document goes
    to standard output: a problem document, as the API's errors are."""

    def __init__(self, code: Exit, text: str) -> None:
        self.code = code
        super().__init__(text)

    def document(self) -> dict[str, Any]:
        return {"title": str(self)}
