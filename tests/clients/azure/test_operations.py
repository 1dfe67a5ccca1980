"""An operation of ARM that goes on after its request: what each of its answers means."""

import pytest
from werkzeug.wrappers import Response

from clients.azure.arm import ResourceGroups
from clients.azure.operations import FailedForNow, Operations
from clients.errors import Refused, Transient
from clients.settings import Settings
from tests.clients.conftest import SUBSCRIPTION, Script, document

PATH = f"/subscriptions/{SUBSCRIPTION}/operationresults/abc"
URL = f"https://management.azure.com{PATH}?api-version=2025-04-01"
BLOCKED = {
    "error": {
        "code": "ResourceGroupDeletionBlocked",
        "message": "Deletion of resource group 'demo-rg' failed",
        "details": [
            {
                "code": "InUseSubnetCannotBeDeleted",
                "target": "/subscriptions/s/demo-vnet",
                "message": "Subnet controller is in use by other-rg/nic.",
            }
        ],
    }
}


@pytest.mark.parametrize(
    ("answer", "goes_on"),
    [
        (Response("", 202), True),
        (document(202, {"status": "InProgress"}), True),
        (document(200, {"status": "Deleting"}), True),
        (document(200, {"status": "Succeeded"}), False),
        (Response("", 200), False),
        (Response("", 204), False),
        (document(404, {"error": {"code": "NotFound", "message": "gone"}}), False),
        (document(403, {"error": {"code": "AuthorizationFailed", "message": "no"}}), False),
    ],
)
def test_each_answer_says_whether_it_goes_on(
    settings: Settings, script: Script, answer: Response, *, goes_on: bool
) -> None:
    script.on("GET", PATH, answer)
    assert Operations(settings).goes_on(URL) is goes_on


@pytest.mark.parametrize("status", [200, 400, 409])
def test_a_failure_brings_arms_code_and_what_holds(
    settings: Settings, script: Script, status: int
) -> None:
    failed = BLOCKED if status != 200 else {"status": "Failed", **BLOCKED}
    script.on("GET", PATH, document(status, failed))
    with pytest.raises(
        Refused, match=r"InUseSubnetCannotBeDeleted: .*demo-vnet: Subnet controller"
    ):
        Operations(settings).goes_on(URL)


def test_a_failure_that_passes_is_a_matter_of_coming_again(
    settings: Settings, script: Script
) -> None:
    error = {"status": "Failed", "error": {"code": "RetryableError", "message": "later"}}
    script.on("GET", PATH, document(200, error))
    with pytest.raises(FailedForNow):
        Operations(settings).goes_on(URL)


def test_an_operation_that_cannot_be_read_now_has_not_failed(
    settings: Settings, script: Script
) -> None:
    error = {"error": {"code": "ServerTimeout", "message": "later"}}
    script.on("GET", PATH, document(503, error))
    with pytest.raises(Transient) as raised:
        Operations(settings).goes_on(URL)
    assert not isinstance(raised.value, FailedForNow)


def test_the_token_is_sent_to_arm_only(settings: Settings, script: Script) -> None:
    with pytest.raises(Refused, match="NotManagement"):
        Operations(settings).goes_on("https://management.azure.com.example.org/x")
    assert script.asked == []


def test_the_deletion_of_a_group_names_its_operation(settings: Settings, script: Script) -> None:
    path = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/demo-rg"
    script.on("DELETE", path, Response("", 202, {"Location": URL}))
    assert ResourceGroups(settings).begin_delete("demo-rg") == URL
    script.on("DELETE", path, Response("", 200))
    assert ResourceGroups(settings).begin_delete("demo-rg") is None
