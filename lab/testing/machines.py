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

__all__ = [
    "BROWSER_PACKAGES",
    "CACHE",
    "WIRE_SERVER",
    "FabricError",
    "LabInfo",
    "LabOptions",
    "Machine",
    "control",
    "ensure_packages",
    "fill",
    "node",
    "npm",
    "prepare",
    "run",
    "run_in",
    "serve_directory",
    "succeeds",
]
