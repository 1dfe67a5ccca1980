"""The lab's evaluation of ARM templates and its ARM stand-in, for tests of the templates."""

from lab.arm import flex
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.flex import SECTIONS, refused
from lab.arm.groups import put_group
from lab.arm.kinds import KINDS
from lab.arm.removal import mark_group, refuse_locked
from lab.arm.resource_types import FOLDER, load
from lab.arm.resources import OWN
from lab.arm.schema import Check, Fault, canonical
from lab.arm.scope import Reference, is_pending
from lab.arm.service import ArmService
from lab.arm.state import UNDER_WAY
from lab.arm.template import Evaluation, evaluate

__all__ = [
    "FOLDER",
    "KINDS",
    "OWN",
    "SECTIONS",
    "UNDER_WAY",
    "ArmError",
    "ArmService",
    "Check",
    "Concrete",
    "Evaluation",
    "Fault",
    "Reference",
    "canonical",
    "evaluate",
    "flex",
    "is_pending",
    "load",
    "mark_group",
    "put_group",
    "refuse_locked",
    "refused",
]
