"""The lab's Functions hosts and their engines."""

from lab.host.azure_storage import ExtensionHub
from lab.host.main import FunctionsHost
from lab.host.memory import MemoryHub
from lab.host.pool import FunctionFailedError, WorkerLostError, trace_parent
from lab.host.program import ensure_program
from lab.host.worker import describe

__all__ = [
    "ExtensionHub",
    "FunctionFailedError",
    "FunctionsHost",
    "MemoryHub",
    "WorkerLostError",
    "describe",
    "ensure_program",
    "trace_parent",
]
