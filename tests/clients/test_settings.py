"""Settings from the environment: every fault at once, none of them with a value in it."""

import pytest

from clients.settings import Settings, SettingsError

GOOD = {
    "SLIPWAY_SUBSCRIPTION_ID": "00000000-0000-4000-8000-000000000001",
    "SLIPWAY_VAULT_URL": "https://slipway-demo.vault.azure.net/",
    "SLIPWAY_STORAGE": "https://slipwaydemo.blob.core.windows.net",
}
LAB = {
    "SLIPWAY_LOOPBACK": "http://127.0.0.1:8123",
    "SLIPWAY_STORAGE": "AccountName=lab;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/lab;",
}


def test_three_settings_are_enough() -> None:
    settings = Settings.from_env(GOOD)
    assert settings.vault_url == "https://slipway-demo.vault.azure.net"
    assert (settings.container, settings.loopback, settings.poll_seconds) == ("slipway", "", 15)


def test_all_that_is_missing_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        Settings.from_env({})
    for name in GOOD:
        assert f"{name} is missing" in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPWAY_SUBSCRIPTION_ID", "my subscription"),
        ("SLIPWAY_VAULT_URL", "http://slipway-demo.vault.azure.net"),
        ("SLIPWAY_VAULT_URL", "https://vault.example.org"),
        ("SLIPWAY_HISTORY_DAYS", "0"),
        ("SLIPWAY_RECORD_DAYS", "0"),
        ("SLIPWAY_MAINTENANCE_DAYS", "31"),
        ("SLIPWAY_MAINTENANCE_AT_ONCE", "0"),
        ("SLIPWAY_CLUSTER_GROUPS", "team-a, team/b"),
        ("SLIPWAY_HISTORY_DAYS", "for ever"),
        ("SLIPWAY_STORAGE", "https://slipwaydemo.blob.core.windows.net/?sig=abc"),
        ("SLIPWAY_CONTAINER", "Slip--way"),
        ("AZURE_CLIENT_ID", "me"),
        ("SLIPWAY_LOOPBACK", "http://10.0.0.4:80"),
        ("SLIPWAY_LOOPBACK", "http://127.0.0.1.example.org:80"),
        ("SLIPWAY_LOOPBACK", "http://127.0.0.1"),
        ("SLIPWAY_LOOPBACK", "http://user@127.0.0.1:80"),
        ("SLIPWAY_ALLOWED_SOURCES", "198.51.100.7/32, 198.51.100.9/24"),
        ("SLIPWAY_SLACK_SECRET", "https://hooks.slack.com/services/T/B/x"),
        ("SLIPWAY_POLL_SECONDS", "0"),
        ("SLIPWAY_POLL_SECONDS", "nan"),
        ("SLIPWAY_PLAY_DEADLINE_SECONDS", "soon"),
        ("SLIPWAY_DEFAULT_ARTIFACTS", '{"url": "https://mirror.example.org"}'),
        ("SLIPWAY_DEFAULT_ARTIFACTS", '{"url": "u", "manifestSha256": "m", "through": "moon"}'),
        ("SLIPWAY_DEFAULT_ARTIFACTS", f'{{"url": "http://x:0", "manifestSha256": "{"0" * 64}"}}'),
        ("SLIPWAY_DEFAULT_ARTIFACTS", '{"url": "http://x", "manifestSha256": "0"}'),
        ("SLIPWAY_ALLOWED_SOURCES", "0.0.0.0/0"),
        ("SLIPWAY_ALLOWED_SOURCES", "0.0.0.0/1,128.0.0.0/1"),
        ("SLIPWAY_ANSIBLE_VARIABLES", "[]"),
        ("SLIPWAY_ANSIBLE_VARIABLES", "{"),
        ("SLIPWAY_ANSIBLE_VARIABLES", '{"slipway_stages": ["wait"]}'),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is wrong: "):
        Settings.from_env(GOOD | {name: value})


@pytest.mark.parametrize("name", [*GOOD, "SLIPWAY_SLACK_SECRET", "SLIPWAY_DEFAULT_ARTIFACTS"])
def test_a_wrong_value_is_not_repeated_for_it_may_be_a_secret(name: str) -> None:
    with pytest.raises(SettingsError) as told:
        Settings.from_env(GOOD | {name: "hooks.example.org/hunter2"})
    assert "hunter2" not in str(told.value)


def test_the_loopback_goes_with_a_local_storage_only() -> None:
    assert Settings.from_env(GOOD | LAB).loopback == LAB["SLIPWAY_LOOPBACK"]
    with pytest.raises(SettingsError, match="SLIPWAY_STORAGE is an Azure account"):
        Settings.from_env(GOOD | {"SLIPWAY_LOOPBACK": LAB["SLIPWAY_LOOPBACK"]})


def test_a_connection_string_stays_out_of_the_repr() -> None:
    assert "a2V5" not in repr(Settings.from_env(GOOD | LAB))
