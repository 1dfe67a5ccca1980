"""Programs that run on machines, alone and from the standard library. They travel as text."""

from functools import cache
from pathlib import Path


@cache
def program(name: str) -> str:
    """Returns the source of the program `name`, a module of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
