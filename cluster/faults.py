"""What is wrong with a request: which field, what was wrong, what is allowed."""

from pydantic import BaseModel, ConfigDict


class Fault(BaseModel):
    """One refused field. `path` is written as in the spec: `workers[0].count`."""

    model_config = ConfigDict(frozen=True)

    path: str
    message: str
    allowed: str = ""


class SpecRefusedError(Exception):
    """A spec that is not acceptable, with all of its faults at once."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
