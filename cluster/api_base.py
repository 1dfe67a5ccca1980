"""The base of the HTTP API's answers: written in full, read leniently.

An app writes every field. A reader takes the answers of an older and of a newer app: a missing
field has its default; an unknown field is kept and not used; an unknown value of an enumeration,
such as a new state, is kept as text.
"""

from typing import Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_serializer,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Answer(BaseModel):
    """Base of every answer: camelCase JSON, immutable, lenient when it is read."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
        # Most readers need few of the models: each is built when it is first used.
        defer_build=True,
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep_unknown_value(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            unknown = all(one["type"] == "literal_error" for one in error.errors())
            if unknown and isinstance(value, str):
                return value
            raise

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The defaults are for readers of older answers; in the schema every field is required."""
        schema = handler(core_schema)
        found = handler.resolve_ref_schema(schema)
        for field in found["properties"].values():
            field.pop("default", None)
            field.pop("title", None)
        found["required"] = cls.required_in_schema()
        return schema

    @classmethod
    def required_in_schema(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]

    def to_json(self) -> str:
        # A value that is not in the enumeration was read, not made up here: it passes.
        return self.model_dump_json(by_alias=True, warnings=False)

    def received(self) -> dict[str, Any]:
        """The JSON document that this was read from."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)


class SparseAnswer(Answer):
    """An answer that has its optional fields only where there is something to say."""

    @model_serializer(mode="wrap")
    def _leave_out_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        unset = {fields[name].alias for name in fields.keys() - self.model_fields_set}
        written = cast(dict[str, Any], handler(self))
        return {name: value for name, value in written.items() if name not in unset}

    @classmethod
    def required_in_schema(cls) -> list[str]:
        fields = cls.model_fields.items()
        return [field.alias or name for name, field in fields if field.is_required()]
