"""Faults of a request: the field, what is wrong with it, and what is allowed."""

from pydantic import BaseModel, ConfigDict


class Fault(BaseModel):
    """One refused field. `path` has the spec's notation: `workers[0].count`."""

    model_config = ConfigDict(frozen=True)

    path: str
    message: str
    allowed: str = ""


class SpecRefusedError(Exception):
    """A spec was refused. The exception has all faults of the spec."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
