"""The base of every model that crosses a border: JSON in camelCase, unknown fields refused."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Immutable; fields are snake_case in Python and camelCase in JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


class Contract(BaseModel):
    """What an activity takes or returns. Unknown fields are ignored and every later field has a
    default, so that a run in flight survives an upgrade of the app in either direction. What does
    not fit is not quoted: errors reach logs."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
