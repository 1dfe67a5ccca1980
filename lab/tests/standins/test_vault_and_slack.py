"""Key Vault, identity and the Slack sink through the real clients."""

import json
import threading
from typing import Any

import pytest

from clients.azure.vault import Vault
from clients.errors import Refused, Transient
from clients.slack import SlackWebhook


def test_get_or_create_makes_one_version_however_often_it_runs(azure: Any) -> None:
    vault = Vault(azure.settings)
    assert vault.get("demo-key") is None
    first = vault.set_if_absent("demo-key", "one", {"a": "b"})
    again = vault.set_if_absent("demo-key", "two", {})
    assert (again.value, again.version) == ("one", first.version)
    assert azure.facade.vault.sets == 1


def test_two_creators_at_once_continue_with_the_same_value(azure: Any) -> None:
    found: list[str] = []

    def make(value: str) -> None:
        found.append(Vault(azure.settings).set_if_absent("demo-key", value, {}).value)

    threads = [threading.Thread(target=make, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latest = Vault(azure.settings).get("demo-key")
    assert latest is not None
    assert Vault(azure.settings).set_if_absent("demo-key", "late", {}).value == latest.value


def test_a_name_that_was_deleted_softly_is_recovered(azure: Any) -> None:
    vault = Vault(azure.settings)
    vault.set_if_absent("demo-key", "one", {})
    vault.delete("demo-key")
    vault.delete("demo-key")
    assert vault.get("demo-key") is None
    assert vault.set_if_absent("demo-key", "two", {}).value == "one"


def test_denied_and_throttled_are_distinguished(azure: Any) -> None:
    vault = Vault(azure.settings)
    vault.get("x")
    azure.facade.vault.change({"deny": True})
    with pytest.raises(Refused) as refused:
        vault.get("demo-key")
    assert refused.value.code == "Forbidden"
    azure.facade.vault.change({"throttle": 50})
    with pytest.raises(Transient):
        vault.get("demo-key")


def test_a_secret_hides_its_value_and_has_a_limit(azure: Any) -> None:
    vault = Vault(azure.settings)
    assert "hunter" not in repr(vault.set_if_absent("demo-key", "hunter2", {}))
    with pytest.raises(Refused):
        vault.set_if_absent("large", "x" * 30_000, {})


def test_secrets_are_on_disk_for_their_owner_only(azure: Any) -> None:
    Vault(azure.settings).set_if_absent("demo-key", "one", {})
    assert azure.facade.vault._path.stat().st_mode & 0o077 == 0


def messages(azure: Any) -> list[str]:
    lines = azure.facade.slack._path.read_text().splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_slack_gets_a_message_or_says_when_to_come_again(azure: Any) -> None:
    webhook = SlackWebhook(f"{azure.url}/services/x", loopback=True)
    assert webhook.post("hello").outcome == "posted"
    azure.facade.slack.change({"throttle": 1})
    throttled = webhook.post("again")
    assert (throttled.outcome, throttled.retry_after) == ("throttled", 1)
    azure.facade.slack.change({"down": True})
    assert webhook.post("lost").outcome == "lost"
    assert messages(azure) == ["hello"]


@pytest.mark.parametrize(
    "url", ["http://hooks.slack.com/services/x", "https://evil.example/services/x", "", "x"]
)
def test_only_slacks_own_webhooks_are_posted_to(url: str) -> None:
    lost = SlackWebhook(url).post("hello")
    assert lost.outcome == "lost"
    assert "evil" not in lost.reason
