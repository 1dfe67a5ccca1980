"""Errors as problem documents: each says whose fault it is."""

import json

from clients.errors import Refused
from clients.stored_documents import UNREADABLE
from triggers.problems import as_problem


def test_a_stored_document_that_cannot_be_read_is_not_blamed_on_azure() -> None:
    text = "record of demo cannot be read by this version of Slipway: operation.kind"
    answer = as_problem(Refused(UNREADABLE, text), "get_cluster")
    document = json.loads(answer.get_body())
    assert answer.status_code == document["status"] == 409
    assert document["title"] == "a stored document cannot be read"
    assert document["detail"] == text
    assert document["code"] == UNREADABLE


def test_what_azure_refused_has_azures_own_code() -> None:
    answer = as_problem(Refused("SkuNotAvailable", "no capacity"), "put_cluster")
    document = json.loads(answer.get_body())
    assert answer.status_code == 502
    assert (document["title"], document["code"]) == ("Azure refused", "SkuNotAvailable")


def test_what_azure_refused_is_a_line_a_reason_and_the_next_step() -> None:
    error = Refused("Forbidden", "vm-1: no", ["vm-2: no", "B: other"], inner="ForbiddenByFirewall")
    detail = json.loads(as_problem(error, "put_cluster").get_body())["detail"]
    first, second, last = detail.split("\n")
    assert (first, second) == ("vm-1: no (2 resources; others: vm-2)", "B: other")
    assert last.startswith("Next: ")
    assert "firewall" in last
