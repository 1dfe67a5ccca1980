"""What `slipway login` repeats of the app's words: ids only, because the caller pastes them."""

import pytest

from cli.__main__ import main
from cli.exits import Exit
from tests.cli.conversation import Conversation, Said

TENANT, CLIENT = "11111111-1111-1111-1111-111111111111", "33333333-3333-3333-3333-333333333333"
SIGN_IN = {
    "access": "tokens",
    "authority": "https://login.microsoftonline.com/x",
    "tenantId": TENANT,
    "clientId": CLIENT,
}


def refusal(
    talk: Conversation, capsys: pytest.CaptureFixture[str], change: dict[str, str]
) -> tuple[int, str]:
    talk.says("GET", "/api/sign-in", Said(200, SIGN_IN | change))
    code = main(["login"])
    return code, capsys.readouterr().err


def test_login_shows_the_commands_to_paste(
    talk: Conversation, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = refusal(talk, capsys, {})
    assert code == Exit.REFUSED
    assert f"az login --tenant {TENANT}\n" in text
    assert f"export SLIPWAY_CLIENT_ID={CLIENT}\n" in text


@pytest.mark.parametrize("field", ["tenantId", "clientId"])
@pytest.mark.parametrize(
    "value", ["$(reboot)", "x;reboot", f"{TENANT};reboot", f"{TENANT}\n", "common"]
)
def test_login_shows_no_command_with_anything_but_ids(
    talk: Conversation, capsys: pytest.CaptureFixture[str], field: str, value: str
) -> None:
    code, text = refusal(talk, capsys, {field: value})
    assert code == Exit.REFUSED
    assert "no id" in text
    assert "reboot" not in text
    assert "az login" not in text
    assert "export" not in text
