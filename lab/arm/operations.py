"""Operations that continue after the response to their request: power, deletion, what-if."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.arm.answers import now
from lab.arm.errors import ArmError
from lab.arm.fabric_errors import of_fabric

logger = logging.getLogger(__name__)
KEPT = 1000


@dataclass
class AsyncOperation:
    """An asynchronous operation of ARM. `status` is InProgress, Succeeded or Failed. `result` is
    the result of a what-if."""

    id: str
    started: str
    status: str = "InProgress"
    ended: str = ""
    result: dict[str, Any] | None = None
    error: ArmError | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {"name": self.id, "startTime": self.started, "status": self.status}
        if self.ended:
            body["endTime"] = self.ended
        if self.error:
            body["error"] = self.error.document()
        return body


class AsyncOperations:
    """The asynchronous operations of this process, in memory only. They are lost when the lab
    stops."""

    def __init__(self) -> None:
        self._found: dict[str, AsyncOperation] = {}
        self._lock = threading.Lock()

    def begin(self, work: Callable[[], dict[str, Any] | None]) -> AsyncOperation:
        operation = AsyncOperation(str(uuid.uuid4()), now())
        with self._lock:
            self._found[operation.id] = operation
            while len(self._found) > KEPT:
                del self._found[next(iter(self._found))]
        threading.Thread(target=self._run, args=(operation, work), daemon=True).start()
        return operation

    def _run(self, operation: AsyncOperation, work: Callable[[], dict[str, Any] | None]) -> None:
        try:
            operation.result = work()
            operation.status = "Succeeded"
        except Exception as error:
            operation.error = of_fabric(error)
            operation.status = "Failed"
        operation.ended = now()
        operation.over.set()

    def get(self, identity: str) -> AsyncOperation:
        found = self._found.get(identity)
        if found is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{identity}' is not known.")
        return found
