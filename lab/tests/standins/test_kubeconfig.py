"""The kubeconfig against the vault's stand-in: created once, renewed in time, never printed."""

import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities import cluster_secrets
from activities.kubeconfig_secret import store_kubeconfig
from activities.verify_cluster import verify_cluster
from clients import services
from clients.azure.blobs import Conflict
from clients.azure.deployments import DeploymentState
from clients.errors import Transient
from clients.services import Services
from clients.store import Store
from cluster import kubeconfig, names
from cluster.contracts import Check, RunRef
from cluster.kubernetes_api import public_server
from cluster.ownership import Owner
from cluster.plan import Plan, make_plan
from cluster.record import Access, ClusterRecord
from cluster.spec_rules import parse_spec

SECRET = "demo-abc-kubeconfig"
ACCESS = Access(kubeconfig=SECRET, controller_address="203.0.113.8")


class MemoryStore(Store):
    """The record with its ETag, and the run's plan; all else is the store's own."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.record = ClusterRecord(name="demo", uid="abc", generation=1)
        self.saves, self.conflict = 0, False
        self.plan = make_plan(parse_spec(spec), self.record, [])

    def need_plan(self, ref: RunRef) -> Plan:
        return self.plan

    def has_ended(self, ref: RunRef) -> bool:
        return False

    def checks(self, ref: RunRef, attempt: int) -> list[Check]:
        return []

    def need_record(self, cluster: str) -> tuple[ClusterRecord, str]:
        return self.record, "etag"

    def save_record(self, record: ClusterRecord, etag: str) -> None:
        if self.conflict:
            raise Conflict("record")
        self.record, self.saves = record, self.saves + 1


class Deployments:
    """The network deployment, with what ARM says of its addresses."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self._outputs = outputs

    def get(self, group: str, name: str) -> DeploymentState | None:
        known = (group, name) == ("demo-rg", "demo-network-000001")
        return DeploymentState("Succeeded", self._outputs) if known else None


class App:
    def __init__(self, azure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.vault, self._services = azure.facade.vault, Services(azure.settings)
        monkeypatch.setattr(services, "_services", lambda: self._services)
        self.given()

    def given(self, public: str = "", **spec: Any) -> None:
        self.store = MemoryStore({"name": "demo", **spec})
        self._services.__dict__["store"] = self.store
        outputs = {"controllerPublicAddress": "203.0.113.8", "apiPublicAddress": public}
        self._services.__dict__["deployments"] = Deployments(outputs)

    def run(self) -> None:
        store_kubeconfig(self.store.plan)

    def versions(self) -> list[str]:
        return [version["value"] for version in self.vault.secrets.get(SECRET, [])]


@pytest.fixture
def app(azure: Any, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(azure, monkeypatch)


def test_it_is_made_once_and_the_record_names_it(app: App) -> None:
    app.run()
    app.run()
    assert len(app.versions()) == 1
    assert app.store.record.access == ACCESS
    assert app.store.saves == 1
    assert "https://127.0.0.1:6443" in app.versions()[0]
    assert "slipway-cluster" in app.vault.secrets[SECRET][0]["tags"]


def test_the_record_holds_nothing_of_it(app: App) -> None:
    app.run()
    told = app.store.record.model_dump_json()
    for line in app.versions()[0].splitlines():
        value = line.partition(": ")[2]
        assert len(value) < 40 or value not in told


def test_no_run_that_ends_before_the_control_plane_makes_one(app: App) -> None:
    app.given(playbook={"through": "etcd"})
    app.run()
    assert app.versions() == []
    assert app.store.record.access is None


def test_it_is_renewed_when_less_than_a_third_of_its_year_is_left(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.run()

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=250)

    monkeypatch.setattr(cluster_secrets, "datetime", Later)
    app.run()
    first, second = app.versions()
    assert first != second
    found = services.services().vault.get(SECRET)
    assert found is not None
    assert found.value == second, "the renewed one counts"
    assert Owner("demo", "abc", services.services().settings.installation).owns(
        app.vault.secrets[SECRET][-1]["tags"]
    )


def test_with_a_public_frontend_it_leads_there(app: App) -> None:
    app.given("203.0.113.9")
    app.run()
    app.run()
    assert [public_server("203.0.113.9") in text for text in app.versions()] == [True]
    assert app.store.record.access == ACCESS.model_copy(update={"public_address": "203.0.113.9"})


def test_a_deleted_one_that_ended_meanwhile_is_not_brought_back(app: App) -> None:
    app.run()
    app.vault.secrets[SECRET][0]["value"] = "of another time"
    services.services().vault.delete(SECRET)
    app.run()
    found = services.services().vault.get(SECRET)
    assert found is not None
    assert kubeconfig.cluster_of(found.value) == "demo"


def test_a_record_that_changed_meanwhile_is_tried_again(app: App) -> None:
    app.store.conflict = True
    with pytest.raises(Transient):
        app.run()


def test_it_is_there_before_the_checks_which_may_fail(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(plan: Plan) -> None:
        raise Transient("the controller does not answer")

    # By the module: the package's own attribute of that name is the activity.
    monkeypatch.setattr(sys.modules["activities.verify_cluster"], "controller", silent)
    result = verify_cluster({"cluster": "demo", "generation": 1})
    assert result["state"] == "wait"
    assert len(app.versions()) == 1
    assert "PRIVATE" not in str(result)


def test_it_goes_with_the_clusters_other_secrets(app: App) -> None:
    assert names.cluster_secret("demo", "abc", names.KUBECONFIG) == SECRET
    assert SECRET in cluster_secrets.ClusterSecrets("demo", "abc").secret_names([])
