"""kubeconfig: which file, for which address, and whose it is. The vault's stand-in is asked by the
real client."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import kubeconfig as command
from cli.__main__ import main
from cli.targets import Target
from cluster import keys
from cluster.kubeconfig import new_kubeconfig
from lab.testing.standins import Azure, azure
from tests.cli.conversation import CLUSTER, KEY, Conversation, cluster

__all__ = ["azure"]
type Output = pytest.CaptureFixture[str]
SECRET = "shop-abc-kubeconfig"
MADE = new_kubeconfig("shop", "https://127.0.0.1:6443", keys.new_authority("shop"))
ACCESS: dict[str, Any] = {
    "vault": "https://slipway-test.vault.azure.net",
    "kubeconfigSecret": SECRET,
    "apiName": "api.shop.slipway.internal",
    "publicAddress": None,
}


@pytest.fixture(autouse=True)
def vault(
    talk: Conversation, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Azure:
    monkeypatch.chdir(tmp_path)
    header = azure.facade.identity.header
    monkeypatch.setattr(
        command,
        "find_target",
        lambda _: Target(talk.url, KEY, azure=azure.url, identity_header=header),
    )
    talk.says("GET", CLUSTER, cluster("ready", access=ACCESS))
    azure.facade.vault.secrets[SECRET] = [{"version": "1", "value": MADE, "tags": {}, "created": 1}]
    return azure


def server(text: str) -> str:
    return yaml.safe_load(text)["clusters"][0]["cluster"]["server"]


def test_it_is_written_for_its_owner_alone_and_says_how_to_use_it(
    tmp_path: Path, capsys: Output
) -> None:
    assert main(["kubeconfig", "shop"]) == 0
    path = tmp_path / "shop.kubeconfig"
    assert path.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(MADE)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "https://127.0.0.1:6443" in printed.err
    assert "slipway tunnel shop\n" in printed.err
    assert [found.name for found in tmp_path.glob("*.kubeconfig*")] == ["shop.kubeconfig"]


def test_a_file_that_others_could_read_is_theirs_no_more(tmp_path: Path) -> None:
    path = tmp_path / "shop.kubeconfig"
    path.write_text(MADE)
    path.chmod(0o644)
    assert main(["kubeconfig", "shop"]) == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_dash_prints_it_and_nothing_else(tmp_path: Path, capsys: Output) -> None:
    assert main(["kubeconfig", "shop", "-o", "-", "--port", "7443"]) == 0
    printed = capsys.readouterr()
    assert server(printed.out) == "https://127.0.0.1:7443"
    assert "slipway tunnel shop --port 7443" in printed.err
    assert list(tmp_path.glob("*.kubeconfig")) == []


def test_the_public_frontend_is_chosen_where_there_is_one(
    talk: Conversation, capsys: Output
) -> None:
    public = cluster("ready", access=ACCESS | {"publicAddress": "203.0.113.9"})
    talk.says("GET", CLUSTER, public)
    assert main(["kubeconfig", "shop", "-o", "-"]) == 0
    printed = capsys.readouterr()
    assert server(printed.out) == "https://203.0.113.9:6443"
    assert "tunnel" not in printed.err
    assert main(["kubeconfig", "shop", "-o", "-", "--port", "6443"]) == 0
    assert server(capsys.readouterr().out) == "https://127.0.0.1:6443"


@pytest.mark.parametrize(
    "content",
    [new_kubeconfig("other", "https://x:1", keys.new_authority("other")), "notes of mine\n"],
)
def test_a_file_of_somebody_else_is_left_alone_without_force(
    tmp_path: Path, capsys: Output, content: str
) -> None:
    path = tmp_path / "mine"
    path.write_text(content)
    assert main(["kubeconfig", "shop", "-o", str(path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == content
    assert main(["kubeconfig", "shop", "-o", str(path), "--force"]) == 0
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(MADE)


def test_a_folder_that_does_not_exist_is_reported(capsys: Output) -> None:
    assert main(["kubeconfig", "shop", "-o", "nowhere/file"]) == 1
    assert "cannot write nowhere/file: No such file or directory" in capsys.readouterr().err


def test_a_cluster_without_an_api_is_reported_with_the_next_step(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", CLUSTER, cluster("running", access=None))
    assert main(["kubeconfig", "shop"]) == 1
    told = capsys.readouterr().err
    assert "no Kubernetes API yet (its state: running)" in told
    assert "slipway get shop" in told


def test_a_vault_that_refuses_is_reported_with_the_role_that_is_missing(
    vault: Azure, capsys: Output
) -> None:
    vault.facade.vault.change({"deny": True})
    assert main(["kubeconfig", "shop"]) == 1
    assert "Key Vault Secrets User" in capsys.readouterr().err


def test_a_secret_that_is_gone_or_broken_is_reported_without_its_value(
    vault: Azure, capsys: Output
) -> None:
    vault.facade.vault.secrets[SECRET][0]["value"] = "word of an operator"
    assert main(["kubeconfig", "shop"]) == 1
    told = capsys.readouterr().err
    assert "not a kubeconfig of one cluster" in told
    assert "word of" not in told
    del vault.facade.vault.secrets[SECRET]
    assert main(["kubeconfig", "shop"]) == 1
    assert f"'{SECRET}' is not in https://slipway-test" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["https://evil.example", "http://slipway-test.vault.azure.net"])
def test_a_token_goes_to_no_address_but_a_vaults(capsys: Output, url: str) -> None:
    assert main(["kubeconfig", "shop", "--vault", url]) == 2
    assert "https://NAME.vault.azure.net" in capsys.readouterr().err


OTHER = new_kubeconfig("other", "https://x:1", keys.new_authority("other"))


def test_merging_keeps_what_is_there_and_the_current_context(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    real.write_text(OTHER + "preferences: {colors: true}\n")
    real.chmod(0o644)
    link = tmp_path / "config"
    link.symlink_to(real)
    monkeypatch.setenv("KUBECONFIG", f"{link}:{tmp_path / 'second'}")
    for _ in range(2):
        assert main(["kubeconfig", "shop", "--merge"]) == 0
    document = yaml.safe_load(real.read_text())
    before, made = yaml.safe_load(OTHER), yaml.safe_load(MADE)
    for part in ("clusters", "users", "contexts"):
        assert document[part] == [*before[part], *made[part]]
    assert document["current-context"] == "other"
    assert document["preferences"] == {"colors": True}
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert "kubectl config use-context shop" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "real"]


def test_merging_makes_the_default_file_and_selects_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["kubeconfig", "shop", "--merge"]) == 0
    assert yaml.safe_load((tmp_path / ".kube/config").read_text()) == yaml.safe_load(MADE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (new_kubeconfig("shop", "https://x:1", keys.new_authority("shop")), "another cluster"),
        ("a: [b", "not YAML"),
        ("notes of mine\n", "not a kubeconfig"),
        ("clusters: [5]\n", "not a kubeconfig"),
    ],
)
def test_merging_replaces_nothing_that_is_of_somebody_else(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, content: str, words: str
) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert main(["kubeconfig", "shop", "--merge"]) == 2
    assert words in capsys.readouterr().err
    assert path.read_text() == content
    if words == "another cluster":
        assert main(["kubeconfig", "shop", "--merge", "--force"]) == 0
        assert yaml.safe_load(path.read_text())["clusters"] == yaml.safe_load(MADE)["clusters"]


def test_merging_waits_for_nobody_who_changes_the_file(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    (tmp_path / "config.lock").touch()
    assert main(["kubeconfig", "shop", "--merge"]) == 1
    assert "config.lock exists" in capsys.readouterr().err
    assert (tmp_path / "config.lock").exists()


@pytest.mark.parametrize("form", ["json", "yaml", "wide"])
def test_a_form_of_output_is_not_taken_for_a_file(
    tmp_path: Path, capsys: Output, form: str
) -> None:
    assert main(["kubeconfig", "shop", "-o", form]) == 2
    assert "names a file here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
