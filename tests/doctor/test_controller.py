"""The way to a controller, against a real sshd: who is trusted, and who is let in."""

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from clients.azure.compute import Vm
from clients.azure.vault import Secret
from clients.errors import Refused, Transient
from clients.ssh import controller
from clients.store import Store
from cluster import keys
from cluster.record import Access, ClaimedOperation, ClusterRecord, PlannedNode
from doctor.controller import check_login
from tests.clients.ssh import sshd as sshd_module
from tests.clients.ssh.sshd import Sshd

KEY = keys.new_ssh_key()
CONTROLLER = "shop-controller"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = sshd_module.start(tmp_path_factory.mktemp("way") / "s", keys.public_half(KEY))
    yield server
    server.stop()


@pytest.fixture
def record(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> ClusterRecord:
    """Of a cluster whose controller is that sshd."""
    monkeypatch.setattr(
        controller, "SshController", partial(controller.SshController, port=sshd.port)
    )
    slot = PlannedNode(
        name=CONTROLLER, role="controller", pool="controller", address="10.0.0.4", index=0
    )
    return ClusterRecord(
        name="shop",
        uid="00000000",
        generation=3,
        group="shop-rg",
        spec={"name": "shop", "adminUser": sshd.user},
        slots=(slot,),
        access=Access(kubeconfig="k", controller_address="127.0.0.1"),
    )


class KeysStore(Store):
    """A store that holds nothing but public keys."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def public_keys(self, cluster: str) -> dict[str, str]:
        return self._keys


def services(sshd: Sshd, key: str = KEY, host_key: str = "", power: str = "running") -> Any:
    vm = Vm(CONTROLLER, "Succeeded", power) if power else None
    return SimpleNamespace(
        settings=SimpleNamespace(vault_url="https://v.vault.azure.net"),
        compute=SimpleNamespace(vm=lambda *_: vm),
        vault=SimpleNamespace(get=lambda _: Secret("n", "v", key) if key else None),
        store=KeysStore({CONTROLLER: host_key or sshd.host_key}),
        deployments=SimpleNamespace(get=lambda *_: None),
    )


def test_a_login_is_seen_through_to_a_command(sshd: Sshd, record: ClusterRecord) -> None:
    found = check_login(services(sshd), record)
    assert (found.state, found.fix) == ("ok", None)
    assert found.seen == f"login to {CONTROLLER} at 127.0.0.1 with the pinned host key succeeded"


def test_another_host_key_is_refused_before_any_login(sshd: Sshd, record: ClusterRecord) -> None:
    other = keys.public_half(keys.new_ssh_key())
    with pytest.raises(Refused, match="HostKey"):
        check_login(services(sshd, host_key=other), record)


def test_a_key_that_the_controller_does_not_know_is_refused(
    sshd: Sshd, record: ClusterRecord
) -> None:
    with pytest.raises(Refused):
        check_login(services(sshd, key=keys.new_ssh_key()), record)
    missing = check_login(services(sshd, key=""), record)
    assert missing.state == "failed"
    assert missing.seen.endswith("the SSH key of cluster 'shop', is not in the vault")
    assert missing.fix
    assert missing.fix.command.startswith("az keyvault secret recover --vault-name v --name ")


def test_a_controller_that_rests_is_no_fault_and_one_that_is_gone_is(
    sshd: Sshd, record: ClusterRecord
) -> None:
    rests = check_login(services(sshd, power="deallocated"), record)
    assert rests.state == "notChecked"
    assert rests.fix
    assert rests.fix.command == "./slipway tunnel shop"
    gone = check_login(services(sshd, power=""), record)
    assert (gone.state, gone.seen) == ("failed", "VM shop-controller does not exist in shop-rg")
    assert gone.fix
    assert "slipway apply" in gone.fix.command


def test_one_that_a_run_is_about_to_make_or_that_was_deleted_is_not_checked(
    sshd: Sshd, record: ClusterRecord
) -> None:
    operation = ClaimedOperation(generation=4, kind="reconcile", instance_id="o", started_at="")
    busy = check_login(services(sshd, power=""), record.model_copy(update={"operation": operation}))
    assert (busy.state, "under way" in busy.seen) == ("notChecked", True)
    gone = check_login(services(sshd), record.model_copy(update={"state": "deleted"}))
    assert (gone.state, gone.seen) == ("notChecked", "shop was deleted")


def test_one_that_is_silent_is_asked_again_later(
    sshd: Sshd, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "SshController", partial(controller.SshController, port=1))
    with pytest.raises(Transient):
        check_login(services(sshd), record)


def test_a_cluster_that_has_no_controller_yet_is_not_checked(
    sshd: Sshd, record: ClusterRecord
) -> None:
    begun = record.model_copy(update={"slots": (), "access": None})
    assert check_login(services(sshd), begun).state == "notChecked"
