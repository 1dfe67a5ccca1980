"""Types of the spec's fields that stand alone: numbers, names, sizes, places, rules."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

from cluster import forms
from cluster.security_rules import MAX_RULES, SecurityRule


def _require_integer(value: object) -> object:
    """Refuses values that equal 1, 3 or 5 and are not integers: true and 3.0."""
    if type(value) is not int:
        raise ValueError("should be 1, 3 or 5")
    return value


def _region(value: str) -> str:
    """Returns the region's name of a display name: westeurope for West Europe."""
    return value.replace(" ", "").lower()


def _zone(value: object) -> object:
    """Accepts the numbers 1, 2 and 3 as well."""
    return str(value) if type(value) is int and value in (1, 2, 3) else value


VmSize = Annotated[str, StringConstraints(pattern=forms.VM_SIZE.pattern)]
Count = Annotated[Literal[1, 3, 5], BeforeValidator(_require_integer)]
# "3", 3.0 and true are no numbers, "yes" is no flag: the published schema says the same.
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
LabelKey = Annotated[str, StringConstraints(pattern=forms.LABEL_KEY.pattern)]
LabelValue = Annotated[str, StringConstraints(pattern=forms.LABEL_VALUE.pattern)]
TagKey = Annotated[str, StringConstraints(pattern=forms.TAG_KEY.pattern)]
TagValue = Annotated[str, StringConstraints(pattern=forms.TAG_VALUE.pattern)]
Group = Annotated[str, StringConstraints(pattern=forms.GROUP.pattern)]
Location = Annotated[
    str, StringConstraints(pattern=forms.LOCATION.pattern), AfterValidator(_region)
]
Zone = Annotated[Literal["1", "2", "3"], BeforeValidator(_zone)]

SecurityRules = Annotated[
    tuple[SecurityRule, ...],
    Field(
        max_length=MAX_RULES,
        description="Further ports that others may reach, besides those of Slipway's own rules.",
    ),
]
