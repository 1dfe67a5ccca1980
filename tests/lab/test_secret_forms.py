"""The search's patterns: whatever a secret is wrapped in, one of them is in it."""

import base64
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import keys
from tests.lab.secret_forms import Forms, add, forms_of_vault


def seen(forms: Forms, text: bytes) -> bool:
    return any(form in text for form in forms)


@given(st.binary(min_size=32, max_size=80), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_is_found_at_every_alignment_wrapped_or_not(
    secret: bytes, before: bytes, after: bytes
) -> None:
    forms: Forms = {}
    add(forms, "it", secret)
    text = base64.b64encode(before + secret + after)
    assert seen(forms, text)
    assert seen(forms, b"\n".join(text[n : n + 76] for n in range(0, len(text), 76)))
    assert seen(forms, base64.urlsafe_b64encode(before + secret + after))
    assert seen(forms, base64.b64encode(before + text + after))
    assert seen(forms, secret.hex().encode())


@pytest.mark.parametrize("make", [keys.new_ssh_key, lambda: keys.new_authority("x")[0]])
def test_a_private_key_is_found_in_any_dress_and_its_public_half_is_not(make: object) -> None:
    assert callable(make)
    pem = str(make())
    forms = forms_of_vault({"a-00000000-ssh-key": [{"value": pem}]})
    for dressed in (
        pem,
        json.dumps({"key": pem}),
        textwrap.indent(pem, "    "),
        base64.b64encode(pem.encode()).decode(),
        base64.b64encode(json.dumps({"a": pem}).encode()).decode(),
    ):
        assert seen(forms, dressed.encode()), dressed
    if "OPENSSH" in pem:
        assert not seen(forms, keys.public_half(pem).encode())


def test_each_host_key_has_the_name_of_its_node() -> None:
    value = json.dumps({"0": keys.new_ssh_key(), "1": keys.new_ssh_key()})
    forms = forms_of_vault({"demo-0a1b2c3d-host-keys-control-plane-0": [{"value": value}]})
    names = {name for found in forms.values() for name in found}
    assert names == {"host key demo-control-plane-0", "host key demo-control-plane-1"}
    forms = forms_of_vault({"demo-0a1b2c3d-host-keys-controller-0": [{"value": value}]})
    assert "host key demo-controller" in {name for found in forms.values() for name in found}


def test_a_secret_too_short_to_be_distinguished_from_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        add({}, "it", b"short")
