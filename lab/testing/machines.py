"""The lab as a whole, its machines and their images, for tests that run in it."""

from lab import control, npm
from lab.artifacts import serve_directory
from lab.cli.setup import BROWSER_PACKAGES, ensure_packages
from lab.control import CACHE, LabInfo, LabOptions
from lab.environment import prepare
from lab.fabric import WIRE_SERVER, FabricError
from lab.machines.machine import Machine
from lab.machines.machines import run_in
from lab.machines.shell import run, succeeds
from lab.mirror import fill
from lab.npm import node
from lab.storage import connection_string, ensure_azurite, free_ports, start_azurite

__all__ = [
    "BROWSER_PACKAGES",
    "CACHE",
    "WIRE_SERVER",
    "FabricError",
    "LabInfo",
    "LabOptions",
    "Machine",
    "connection_string",
    "control",
    "ensure_azurite",
    "ensure_packages",
    "fill",
    "free_ports",
    "node",
    "npm",
    "prepare",
    "run",
    "run_in",
    "serve_directory",
    "start_azurite",
    "succeeds",
]
