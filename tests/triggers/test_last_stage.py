"""A request that names a last stage which this version does not have is refused by the API itself,
with the field and the stages that are allowed. Nothing is claimed, planned or started."""

import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from cluster.stages import LAST_STAGES, STAGE_IDS
from tests.runs.memory import new_context
from triggers import clusters

UNKNOWN = ("gossip", "add-ons-of-2030", "Etcd", "etcd ", "", 5, ["etcd"])
NOT_LAST = tuple(stage for stage in STAGE_IDS if stage not in LAST_STAGES)


def put(through: Any, query: str, content_type: str) -> tuple[int, Any]:
    body = json.dumps({"name": "demo", "playbook": {"through": through}})  # it is YAML, too
    request = func.HttpRequest(
        "PUT",
        f"https://app/api/clusters/demo{query}",
        headers={"content-type": content_type},
        route_params={"name": "demo"},
        body=body.encode(),
    )
    # A client without methods: the request must not come so far.
    answer = clusters.put_cluster(req=request, client=SimpleNamespace())  # type: ignore[call-arg]
    return answer.status_code, json.loads(answer.get_body())


@pytest.mark.parametrize("content_type", ["application/json", "application/yaml"])
@pytest.mark.parametrize("query", ["", "?plan=true"])
@pytest.mark.parametrize("through", [*UNKNOWN, *NOT_LAST])
def test_an_unknown_last_stage_is_refused_with_the_stages_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, through: Any, query: str, content_type: str
) -> None:
    store = new_context().store
    settings = SimpleNamespace(default_artifacts=None, slack_secret="")
    found = SimpleNamespace(store=store, settings=settings)
    for module in ("triggers.clusters", "triggers.requests", "planning.dry_run"):
        monkeypatch.setattr(f"{module}.services", lambda: found)
    status, problem = put(through, query, content_type)
    assert (status, problem["title"]) == (400, "the spec was refused")
    (fault,) = problem["faults"]
    assert fault["path"] == "playbook.through"
    assert all(f"'{stage}'" in fault["allowed"] for stage in LAST_STAGES)
    assert store.blobs.list("") == []
