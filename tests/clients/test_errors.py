"""Messages of errors: short, on one line, and without what a service may have quoted."""

import base64
import hashlib
import os
import random
from collections.abc import Callable

import pytest

from clients.errors import Refused, Transient
from cluster import keys
from cluster.presentable import LEFT_OUT, MESSAGE_CHARACTERS


def test_encoded_data_is_left_out_wherever_it_is_quoted() -> None:
    data = base64.b64encode(os.urandom(300)).decode()
    error = Refused("InvalidParameter", f"value '{data}' of customData", [f"sent: {data}"])
    for text in (str(error), error.message, *error.details, str(Transient(data))):
        assert data[:20] not in text
        assert LEFT_OUT in text
    assert error.message == f"value '{LEFT_OUT}' of customData"


def test_a_private_key_is_left_out_to_its_last_line() -> None:
    key = keys.new_ssh_key()
    message = Refused("Bad", f"cannot read {key} here").message
    assert message == f"cannot read {LEFT_OUT} here"
    assert Refused("Bad", f"cut off: {key[:200]}").message == f"cut off: {LEFT_OUT}"


def test_ids_of_resources_stay_readable() -> None:
    path = (
        "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/"
        "averylongresourcegroupnamewithoutanyhyphens/providers/Microsoft.Compute/virtualMachines/vm"
    )
    assert Refused("NotFound", f"{path} is gone").message == f"{path} is gone"


def test_messages_are_cut_and_keep_to_one_line() -> None:
    message = Refused("Long", "two\nlines " + "word " * 1000).message
    assert message.startswith("two lines word")
    assert len(message) == MESSAGE_CHARACTERS


@pytest.mark.parametrize(
    "word",
    [
        "VMSizeIsNotPermittedToEnableAcceleratedNetworking",
        "NetworkSecurityGroupNotCompliantForAzureSqlManagedInstanceSubnet",
        "SUBSCRIPTION_IS_NOT_REGISTERED_TO_USE_NAMESPACE_OF_NETWORK",
        "IPv4AddressIsNotInTheAddressSpaceOfTheVirtualNetworkOfTheSubnet",
        "/var/lib/waagent/custom_script/download/storage/containers/logs",
        "virtualMachines/worker0/extensions/worker1/disks/worker2/state",
        "averylongnameofagroupthathasneitherhyphensnorcapitalsinit",
    ],
)
def test_words_and_paths_stay_readable(word: str) -> None:
    assert Refused("Bad", f"first: {word}.", [word]).details == [word]
    assert Refused("Bad", f"first: {word}.").message == f"first: {word}."


ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 of text": lambda data: base64.b64encode(data.hex().encode()).decode(),
    "base32": lambda data: base64.b32encode(data).decode().rstrip("="),
    "hexadecimal": lambda data: data.hex(),
    "capital hexadecimal": lambda data: data.hex().upper(),
    "letters": lambda data: "".join(chr(97 + byte % 26) for byte in data),
    "zeros": lambda data: base64.b64encode(bytes(len(data))).decode(),
    "digits": lambda data: "".join(str(byte % 10) for byte in data),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=list(ENCODINGS))
def test_encoded_data_of_any_kind_is_left_out(encode: Callable[[bytes], str]) -> None:
    """Samples from one seed: among data of any kind there are words."""
    source = random.Random(15)  # noqa: S311 -- not for keys
    for _ in range(100):
        text = encode(source.randbytes(90))
        shown = Refused("Bad", f"sent {text} here").message
        assert shown == f"sent {LEFT_OUT} here"


def test_encoded_data_in_an_id_is_left_out_and_the_id_stays() -> None:
    data = os.urandom(60).hex()
    shown = Refused("Bad", f"/resourceGroups/rg/providers/Odd/things/{data}").message
    assert shown == f"/resourceGroups/rg/providers/Odd/things/{LEFT_OUT}"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Authorization: Bearer abcdefghijklmnop.q", f"Authorization: Bearer {LEFT_OUT}"),
        ("token eyJhbGciOiJ9.eyJzdWIiOiIx.c2ln used", f"token {LEFT_OUT} used"),
        ("https://a/b?sv=1&sig=abc%2Fd&se=2", f"https://a/b?sv=1&sig={LEFT_OUT}&se=2"),
        ("AccountName=a;AccountKey=abc=;X=y", f"AccountName=a;AccountKey={LEFT_OUT};X=y"),
        (
            "https://hooks.slack.com/services/T0/B0/xyz",
            f"https://hooks.slack.com/services/{LEFT_OUT}",
        ),
        (
            "no answer of https://hooks.slack-gov.com/services/T0/B0/xyz.",
            f"no answer of https://hooks.slack-gov.com/services/{LEFT_OUT}.",
        ),
        ("at http://me:pa@ss:1@proxy:3128/x", f"at http://{LEFT_OUT}@proxy:3128/x"),
        ("at https://:word@proxy", f"at https://{LEFT_OUT}@proxy"),
        ("at https://ghp_0123456789abcdef@host/", f"at https://{LEFT_OUT}@host/"),
        ("Authorization: Basic YTpi is refused", f"Authorization: Basic {LEFT_OUT} is refused"),
        ('"authorization": "basic YTpi"', f'"authorization": "basic {LEFT_OUT}"'),
        ("client_secret=a~b.c&scope=x", f"client_secret={LEFT_OUT}&scope=x"),
        ("adminPassword = 'hunter2', x", f"adminPassword = '{LEFT_OUT}', x"),
        ('{"password": "hunter2"}', f'{{"password": "{LEFT_OUT}"}}'),
        (r'{"password": "a;b \"c"} x', f'{{"password": "{LEFT_OUT}"}} x'),
        (r"{\"passwd\":\"a, b\"} x", rf"{{\"passwd\":\"{LEFT_OUT}\"}} x"),
        ("pwd='a b' x", f"pwd='{LEFT_OUT}' x"),
        ("refresh_token=0.AX", f"refresh_token={LEFT_OUT}"),
        ("join --token abcdef.0123456789abcdef.", f"join --token {LEFT_OUT}."),
        ("token qwrtzp.sdfghjklxcvbnmqw", f"token {LEFT_OUT}"),
        (f"key {'Ab1/' * 10}xyz=", f"key {LEFT_OUT}"),
        (f"key={'Ab1+' * 10}xyz=; next", f"key={LEFT_OUT}; next"),
    ],
)
def test_credentials_are_left_out_by_their_form(message: str, shown: str) -> None:
    assert Refused("Bad", message).message == shown
    assert Refused("Bad", shown).message == shown


@pytest.mark.parametrize(
    "message",
    [
        "Authorization: failed for the identity",
        "Basic PublicIPAddressSkuIsRetired in this region",
        "The password must have 12 characters; password: too short",
        "ssh://slipway@10.0.0.4:22 and https://proxy:3128/a@b do not answer",
        "https://hooks.slack.com/help and /services/T0",
        "module.networkinterface of worker.compute",
        "worker.privatelinkvault is not known",
        "docker.containernetwork is away",
        "demo01.0123456789abcdef.internal",
        "ThisIsTheNameOfAParameterThatHasManyLetters=value",
    ],
)
def test_ordinary_words_stay_beside_forms_of_credentials(message: str) -> None:
    assert Refused("Bad", message).message == message


@pytest.mark.parametrize("before", ["image@sha256:", "has SHA-256 ", "not the expected "])
def test_a_digest_is_told_where_it_is_named_as_one(before: str) -> None:
    digest = hashlib.sha256(before.encode()).hexdigest()
    for text in (digest, digest.upper()):
        assert Refused("Bad", f"{before}{text}, sorry").message == f"{before}{text}, sorry"
    for text in (f"key {digest}", f"{before}{digest}00", f"{before}{digest[:62]}"):
        assert digest[:62] not in Refused("Bad", text).message


def test_a_message_has_no_character_that_a_terminal_obeys() -> None:
    assert Refused("Bad", "a\x1b[2J\x9b31m\u202eb").message == "a [2J 31m b"
