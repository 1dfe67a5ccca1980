"""Get-or-create in Key Vault: late creators, deleted names, the challenge, throttling."""

import threading
from collections.abc import Iterator

import pytest
from werkzeug.wrappers import Response

from clients.azure import credentials
from clients.azure.vault import CREATED_ONCE, Vault
from clients.errors import Refused, Transient
from clients.settings import Settings
from tests.clients.azure.vault_script import VaultScript
from tests.clients.conftest import SUBSCRIPTION, VAULT, Script, serving


@pytest.fixture
def service() -> VaultScript:
    return VaultScript()


@pytest.fixture
def vault(service: VaultScript, settings: Settings) -> Iterator[Vault]:
    with serving(service) as url:
        yield Vault(Settings(SUBSCRIPTION, VAULT, "", loopback=url))


def test_the_challenge_is_answered_with_one_token_for_all_calls(
    service: VaultScript, vault: Vault, script: Script
) -> None:
    assert vault.get("key") is None
    service.add("key", "one")
    found = vault.get("key")
    assert found is not None
    assert (found.value, found.version) == ("one", service.versions["key"][0]["version"])
    assert script.tokens == 1


def test_a_creator_that_comes_late_gets_what_the_first_one_set(
    service: VaultScript, vault: Vault
) -> None:
    """It looked before the first set, and sets after everybody has gone on."""

    def first_creator() -> None:
        assert Vault(vault._settings).set_if_absent("key", "first", {}).value == "first"
        service.now += 60

    service.before_set = first_creator
    assert vault.set_if_absent("key", "late", {}).value == "first"
    assert [v["value"] for v in service.versions["key"]] == ["first", "late"]
    found = vault.get("key")
    assert found is not None
    assert found.value == "first"


def test_of_creators_in_the_same_second_the_first_wins(service: VaultScript, vault: Vault) -> None:
    def first_creator() -> None:
        service.add("key", "first", {CREATED_ONCE: "1"})

    service.before_set = first_creator
    assert vault.set_if_absent("key", "late", {}).value == "first"


def test_many_creators_at_once_agree(service: VaultScript, vault: Vault) -> None:
    barrier = threading.Barrier(4)
    values: list[str] = []

    def create(number: int) -> None:
        own = Vault(vault._settings)
        own.get("warm")
        barrier.wait()
        own.set_if_absent("key", f"value-{number}", {})
        barrier.wait()
        found = own.get("key")
        values.append(found.value if found else "")

    threads = [threading.Thread(target=create, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(values)) == 1
    assert values[0].startswith("value-")


def test_what_an_operator_set_later_counts(service: VaultScript, vault: Vault) -> None:
    vault.set_if_absent("key", "made", {"owner": "demo"})
    assert service.versions["key"][0]["tags"]["owner"] == "demo"
    vault.replace("key", "rotated")
    found = vault.get("key")
    assert found is not None
    assert found.value == "rotated"
    assert vault.set_if_absent("key", "other", {}).value == "rotated"


def test_a_version_can_be_asked_for_by_name(service: VaultScript, vault: Vault) -> None:
    first = service.add("key", "one")
    service.add("key", "two")
    found = vault.get("key", first)
    assert found is not None
    assert (found.value, found.version) == ("one", first)


def test_a_version_that_was_switched_off_does_not_count(service: VaultScript, vault: Vault) -> None:
    service.add("key", "one", {CREATED_ONCE: "1"})
    service.versions["key"][0]["enabled"] = False
    service.add("key", "two", {CREATED_ONCE: "2"})
    found = vault.get("key")
    assert found is not None
    assert found.value == "two"


def test_a_deleted_name_is_recovered_with_its_value(service: VaultScript, vault: Vault) -> None:
    vault.set_if_absent("key", "one", {})
    vault.delete("key")
    vault.delete("key")
    assert vault.get("key") is None
    assert vault.set_if_absent("key", "two", {}).value == "one"


def test_a_name_that_another_one_recovers_meanwhile_is_used(
    service: VaultScript, vault: Vault
) -> None:
    service.add("key", "one")
    vault.delete("key")

    def recover() -> None:
        service.versions["key"] = service.deleted.pop("key")

    service.before_recover = recover
    assert vault.set_if_absent("key", "two", {}).value == "one"


@pytest.mark.parametrize("inner", ["ObjectIsBeingDeleted", "ObjectIsBeingRecovered"])
def test_a_name_in_between_is_a_matter_of_coming_again(
    service: VaultScript, vault: Vault, inner: str
) -> None:
    service.conflict = inner
    with pytest.raises(Transient, match=inner) as told:
        vault.set_if_absent("key", "one", {})
    assert told.value.retry_after == 2


def test_a_name_that_is_being_deleted_is_a_success_of_its_deletion(
    service: VaultScript, vault: Vault
) -> None:
    """An earlier execution deleted it."""
    service.conflict = "ObjectIsBeingDeleted"
    vault.delete("key")
    assert service.calls == ["DELETE /secrets/key"]


@pytest.mark.parametrize(
    ("inner", "told"), [("ObjectIsBeingRecovered", Transient), ("SomethingElse", Refused)]
)
def test_another_conflict_of_a_deletion_is_no_success(
    service: VaultScript, vault: Vault, inner: str, told: type[Exception]
) -> None:
    service.conflict = inner
    with pytest.raises(told):
        vault.delete("key")


def test_another_conflict_is_refused(service: VaultScript, vault: Vault) -> None:
    service.conflict = "SomethingElse"
    with pytest.raises(Refused, match="Conflict"):
        vault.set_if_absent("key", "one", {})


def test_a_recovery_that_is_not_over_is_a_matter_of_coming_again(
    service: VaultScript, vault: Vault
) -> None:
    service.add("key", "one")
    vault.delete("key")
    gone: list[object] = []
    service.before_recover = lambda: gone.append(service.deleted.pop("key"))
    with pytest.raises(Transient, match="not readable yet"):
        vault.set_if_absent("key", "two", {})
    assert gone


def test_throttling_is_reported_without_sleeping(settings: Settings, script: Script) -> None:
    script.on("GET", "/secrets/key/", Response("{}", 429, {"Retry-After": "300"}))
    with pytest.raises(Transient, match="429") as told:
        Vault(settings).get("key")
    assert told.value.retry_after == 300
    assert len(script.asked) == 1


def test_a_secret_that_is_too_large_is_refused_before_it_is_sent(
    service: VaultScript, vault: Vault
) -> None:
    with pytest.raises(Refused, match="over 25000 bytes"):
        vault.set_if_absent("key", "x" * 25_001, {})
    assert service.calls == []


def test_values_stay_out_of_representations(service: VaultScript, vault: Vault) -> None:
    assert "hunter2" not in repr(vault.set_if_absent("key", "hunter2", {}))


def test_an_identity_that_does_not_exist_is_refused_with_its_cause(
    vault: Vault, script: Script
) -> None:
    script.identity = [(400, {"statusCode": 400, "message": "No User Assigned identity found"})]
    with pytest.raises(Refused, match="No User Assigned identity") as refused:
        vault.get("key")
    assert refused.value.code == "IdentityUnavailable"


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"statusCode": 429, "message": "slow down"}),
        Response("<html>", 502, mimetype="text/html"),
        Response("", 200, mimetype="text/html"),
    ],
)
def test_an_identity_endpoint_that_stumbles_is_a_matter_of_coming_again(
    vault: Vault, script: Script, answer: object
) -> None:
    script.identity = [answer] * 9
    with pytest.raises(Transient):
        vault.get("key")


def test_without_an_identity_the_developers_sign_in_is_asked(
    monkeypatch: pytest.MonkeyPatch, service: VaultScript
) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    credentials.credential.cache_clear()
    with serving(service) as url, pytest.raises(Refused, match="Azure CLI") as refused:
        Vault(Settings(SUBSCRIPTION, VAULT, "", loopback=url)).get("key")
    assert refused.value.code == "IdentityUnavailable"
    credentials.credential.cache_clear()
