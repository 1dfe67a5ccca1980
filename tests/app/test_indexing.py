"""Microsoft's Python worker library accepts every function of the app."""

import inspect
import json
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import FunctionLoadError, Registry

from cluster import contracts
from cluster.contracts import Activity
from lab.testing.hosts import describe

# The page that shows an operation, its scripts, and the documents of the API: they hold no data. Of
# what the page reads, the app itself asks for a session.
OPEN = {
    "delete_session", "get_cluster_in_session", "get_events_in_session", "get_openapi",
    "get_schema", "get_session", "get_sign_in", "get_signed_in", "get_timeline_in_session",
    "get_view", "get_view_module", "list_clusters_in_session", "list_operations_in_session",
}  # fmt: skip
PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=0))


def index(function: Any) -> str:
    """Indexes one function with the library; returns its name."""
    load_binding_registry()
    return Registry().add_indexed_function(function, PROTOS).name


def test_the_worker_library_accepts_every_function(functions: list[Any]) -> None:
    names = [function.get_function_name() for function in functions]
    assert [index(function) for function in functions] == names


def test_the_host_gets_all_that_it_needs_of_a_function(functions: list[Any]) -> None:
    """Kind, route and durable client are read in the metadata that the library hands out."""
    for function in functions:
        name, bindings = function.get_function_name(), function.get_raw_bindings()
        about, found = describe(name, bindings), [json.loads(raw) for raw in bindings]
        parameters = inspect.signature(function.get_user_function()).parameters
        assert set(parameters) == {b["name"] for b in found} - {"$return"} | {"context"}, name
        if about["durable"]:
            # What makes the extension speak gRPC.
            assert found[0]["durableRequiresGrpc"] is True, name
        if about["kind"] == "HttpTrigger":
            assert about["route"], name
            assert len(about["methods"]) == 1, name
            assert about["auth"] == ("anonymous" if name in OPEN else "function")


def test_activities_and_orchestrators_have_the_names_of_their_contracts(
    functions: list[Any],
) -> None:
    known = [describe(f.get_function_name(), f.get_raw_bindings()) for f in functions]
    activities = {about["durable"] for about in known if about["kind"] == "ActivityTrigger"}
    contracts_ = {value.name for value in vars(contracts).values() if isinstance(value, Activity)}
    assert activities - {"BuiltIn__HttpActivity"} == contracts_
    orchestrators = {a["durable"] for a in known if a["kind"] == "OrchestrationTrigger"}
    assert orchestrators >= {contracts.RECONCILE_CLUSTER, contracts.DELETE_CLUSTER}


def test_the_worker_library_refuses_a_generic_alias() -> None:
    """One refused function leaves the whole app without functions."""
    app = df.DFApp()

    @app.activity_trigger(input_name="payload")
    def aliased(payload: dict[str, Any]) -> dict:  # type: ignore[type-arg]
        return payload

    named = {function.get_function_name(): function for function in app.get_functions()}
    with pytest.raises(FunctionLoadError, match="invalid non-type annotation"):
        index(named["aliased"])
