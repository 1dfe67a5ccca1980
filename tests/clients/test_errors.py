"""Messages of errors: short, on one line, and without what a service may have quoted."""

import base64
import os

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
