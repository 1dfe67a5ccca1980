"""Programs that run on machines, alone and from the standard library. They travel as text."""

import re
from functools import cache
from pathlib import Path

SHARED = re.compile(r"^from cluster\.on_node\.(\w+) import (\([^)]*\)|.*)$", re.MULTILINE)


@cache
def program(name: str) -> str:
    """Returns the source of the program `name`, a module of this folder. A module of this folder
    that it imports from is a part of the text, in the place of that line."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return SHARED.sub(lambda found: program(found[1]), source)
