"""Microsoft's Python worker library accepts every function of the app."""

from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import FunctionLoadError, Registry

PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=0))


def index(function: Any) -> str:
    """Indexes one function with the library; returns its name."""
    load_binding_registry()
    return Registry().add_indexed_function(function, PROTOS).name


def test_the_worker_library_accepts_every_function(functions: list[Any]) -> None:
    names = [function.get_function_name() for function in functions]
    assert [index(function) for function in functions] == names


def test_the_worker_library_refuses_a_generic_alias() -> None:
    """One refused function leaves the whole app without functions."""
    app = df.DFApp()

    @app.activity_trigger(input_name="payload")
    def aliased(payload: dict[str, Any]) -> dict:  # type: ignore[type-arg]
        return payload

    named = {function.get_function_name(): function for function in app.get_functions()}
    with pytest.raises(FunctionLoadError, match="invalid non-type annotation"):
        index(named["aliased"])
