"""The bases of all models. What a user sends is read strictly, what is stored is read leniently.

A stored document may come from an older or a newer version of Slipway. `read_stored` takes it as it
is: docs/decisions/0032-lenient-reading.md says what that means and what a version must not do.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    GetPydanticSchema,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

# Annotates a Literal of a stored document: a text that another version wrote is kept as it is.
# Whoever compares it treats an unknown text as none of the known ones.
OPEN_TEXT = GetPydanticSchema(lambda _, handler: handler(str))

# Validation errors that say that a value has the wrong JSON type, not that it is out of range.
WRONG_TYPE = ("_type", "_parsing", "missing", "none_required", "int_from_float")
_STORED: dict[str, Any] = {"stored": True}


class UnreadableDocumentError(ValueError):
    """A stored document is not JSON, or one of its fields has another JSON type than expected. The
    text names the fields and quotes no value."""


class Model(BaseModel):
    """A part of the spec. Immutable; fields are snake_case in Python and camelCase in JSON. Unknown
    fields are refused, except in a stored document."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    # Names that plans of earlier versions have for fields, to today's.
    earlier_names: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _rename_earlier_fields(cls, value: Any, info: ValidationInfo) -> Any:
        if not cls.earlier_names or info.context is not _STORED or not isinstance(value, dict):
            return value
        fields = cast(dict[str, Any], value)
        return {cls.earlier_names.get(name, name): fields[name] for name in fields}

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep_stored_value(
        cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """In a stored document, a value that breaks this version's rules is kept as it is: another
        version allowed it. A default in its place could change the cluster."""
        if info.context is not _STORED:
            return handler(value)
        try:
            return handler(value)
        except ValidationError as error:
            default = cls.model_fields[info.field_name or ""].get_default(call_default_factory=True)
            choices = _types_of_choices(cls.model_fields[info.field_name or ""].annotation)
            if not _has_type_of(value, default) or any(
                e["type"].endswith(WRONG_TYPE)
                or (e["type"] == "literal_error" and type(e["input"]) not in choices)
                for e in error.errors()
            ):
                raise
            if not isinstance(value, list):
                return value
            items = cast(list[Any], value)
            if any(isinstance(item, dict) for item in items):
                # The list is too long for this version: its items are read one by one.
                return tuple(model for item in items for model in handler([item]))
            return tuple(items)


def _types_of_choices(annotation: Any) -> set[type]:
    """Returns the types of the values that a field's Literals allow."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in parts}
    return {kind for part in parts for kind in _types_of_choices(part)}


def _has_type_of(value: Any, default: Any) -> bool:
    """Whether the value has the default's JSON type. Without a default, only the types that the
    fields of that kind have are accepted: text, number or list."""
    if isinstance(value, dict):
        return isinstance(default, dict)
    return not isinstance(default, str | int) or type(value) is type(default)


class Contract(BaseModel):
    """What an activity takes or returns, or a stored document. Unknown fields are ignored and every
    later field has a default, so that a run in flight survives an upgrade of the app in either
    direction. Errors do not quote values, because they reach logs."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class KeptContract(Contract):
    """A part of a document that is read, changed and written again. Unknown fields are kept, so
    that an older version does not remove what a newer one has recorded."""

    model_config = ConfigDict(extra="allow")


def read_stored[M: BaseModel](model: type[M], document: bytes | Mapping[str, Any]) -> M:
    """A document of any version of Slipway, as JSON or parsed.

    Unknown fields are dropped at every level, or kept in a `KeptContract`; values that this version
    does not allow are kept.

    Raises:
        UnreadableDocumentError: it is not JSON, or a field has another JSON type.
    """
    extra = "allow" if issubclass(model, KeptContract) else "ignore"
    try:
        if isinstance(document, bytes):
            return model.model_validate_json(document, context=_STORED, extra=extra)
        return model.model_validate(document, context=_STORED, extra=extra)
    except ValidationError as error:
        places = {".".join(map(str, e["loc"])) or "the document" for e in error.errors()}
        text = f"cannot be read by this version of Slipway: {', '.join(sorted(places)[:10])}"
        raise UnreadableDocumentError(text) from None
