"""The lab as a whole, its machines and their images, for tests that run in it."""

from lab import control, npm
from lab.artifacts import serve_directory
from lab.cli.setup import BROWSER_PACKAGES, ensure_packages
from lab.conformance.machines import load_images
from lab.conformance.results import State
from lab.conformance.run import Request, Run
from lab.conformance.suite import open_suite
from lab.conformance.target import Target
from lab.control import CACHE, LabInfo, LabOptions
from lab.environment import prepare
from lab.fabric import WIRE_SERVER, FabricError
from lab.machines.machine import Machine
from lab.machines.machines import entry, find_machine, network_entry, run_in
from lab.machines.namespace import call_in
from lab.machines.router import PLATFORM
from lab.machines.shell import run, succeeds
from lab.machines.site import CHOSEN, MOST, Site, this_process
from lab.mirror import fill
from lab.npm import node

__all__ = [
    "BROWSER_PACKAGES",
    "CACHE",
    "CHOSEN",
    "MOST",
    "PLATFORM",
    "WIRE_SERVER",
    "FabricError",
    "LabInfo",
    "LabOptions",
    "Machine",
    "Request",
    "Run",
    "Site",
    "State",
    "Target",
    "call_in",
    "control",
    "ensure_packages",
    "entry",
    "fill",
    "find_machine",
    "load_images",
    "network_entry",
    "node",
    "npm",
    "open_suite",
    "prepare",
    "run",
    "run_in",
    "serve_directory",
    "succeeds",
    "this_process",
]
