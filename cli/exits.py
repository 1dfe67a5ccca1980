"""Exit codes, and the exception that ends a command with a message."""

from enum import IntEnum
from typing import Any

from cli.text import clean


class Exit(IntEnum):
    """The exit codes. They are part of the interface: scripts branch on them."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    NOT_LOADED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command. Its text is written to standard error; it may quote a service, so control
    characters are replaced. With --json, its document is written to standard output: a problem
    document, like the API's errors."""

    def __init__(self, code: Exit, text: str) -> None:
        self.code = code
        super().__init__(clean(text))

    def document(self) -> dict[str, Any]:
        return {"title": str(self)}
