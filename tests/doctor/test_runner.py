"""How checks run: no check blocks another, and no check reports the secrets that it was given."""

import threading

import pytest

from clients.errors import Refused, Transient
from cluster.findings import Finding, Fix
from doctor.fixes import Installation, fix_for, is_forbidden
from doctor.runner import DoctorCheck, run_checks
from doctor.versions import versions

INSTALLATION = Installation("slipway-abc", "slipway-platform")
OTHERWISE = Fix(text="look at it")


def good() -> Finding:
    return Finding(name="good", state="ok", seen="seen")


def refused() -> Finding:
    raise Refused("AuthorizationFailed", "no right to look")


def busy() -> Finding:
    raise Transient("quota: status 429")


def unloadable() -> Finding:
    raise ModuleNotFoundError("No module named 'paramiko'", name="paramiko")


def broken() -> Finding:
    raise ValueError("the-canary")


def test_findings_come_in_order_and_what_is_raised_becomes_one() -> None:
    wanted = {
        "broken": DoctorCheck(broken, OTHERWISE),
        "refused": DoctorCheck(refused, OTHERWISE),
        "busy": DoctorCheck(busy, OTHERWISE),
        "unloadable": DoctorCheck(unloadable, OTHERWISE),
        "good": DoctorCheck(good, OTHERWISE),
    }
    found = run_checks(wanted, INSTALLATION)
    assert [finding.name for finding in found] == list(wanted)
    assert [finding.state for finding in found] == [*["failed"] * 4, "ok"]
    broke, no, later, package = (finding.fix for finding in found[:4])
    assert found[0].seen == "ValueError, which is a defect of Slipway"
    assert all((broke, no, later, package))
    assert (found[1].seen, no) == ("AuthorizationFailed: no right to look", INSTALLATION.redeploy)
    assert "again" in str(later)
    assert ("paramiko" in found[3].seen, package) == (True, INSTALLATION.publish)


@pytest.mark.parametrize(
    ("said", "fixes"),
    [
        ("AuthorizationFailed: quota: The client 'x' does not have authorization", "redeploy"),
        (
            "template etcd: InvalidTemplateDeployment: Authorization failed for template resource "
            "'vm' of type 'Microsoft.Compute/virtualMachines'. The client 'x' does not have "
            "permission to perform action 'Microsoft.Compute/virtualMachines/write'",
            "redeploy",
        ),
        ("Forbidden: secret x: Caller is not authorized", "redeploy"),
        (
            "MissingSubscriptionRegistration: The subscription is not registered to use namespace "
            "'Microsoft.Compute'. See https://aka.ms/rps-not-found",
            "az provider register --namespace Microsoft.Compute --wait",
        ),
        ("NoRegisteredProviderFound: No registered resource provider found", "az account list-lo"),
        ("LocationNotAvailableForResourceType: The provided location 'mars'", "az account list-lo"),
        ("InvalidParameter: something else, for which the fix is the check's own", ""),
    ],
)
def test_the_fix_follows_from_what_was_refused(said: str, fixes: str) -> None:
    found = fix_for(said, OTHERWISE, INSTALLATION)
    if fixes == "redeploy":
        assert (is_forbidden(said), found) == (True, INSTALLATION.redeploy)
    else:
        assert found.command.startswith(fixes)
        assert (found == OTHERWISE) is (not fixes)


def test_a_check_that_hangs_is_left_behind_and_the_others_are_reported() -> None:
    gate = threading.Event()

    def hangs() -> Finding:
        gate.wait(60)
        return good()

    wanted = {"late": DoctorCheck(hangs, OTHERWISE), "good": DoctorCheck(good, OTHERWISE)}
    try:
        found = run_checks(wanted, INSTALLATION, seconds=0.5)
    finally:
        gate.set()
    assert [finding.state for finding in found] == ["failed", "ok"]
    assert found[0].seen.startswith("no answer within")


def test_versions_are_compared_with_the_lock() -> None:
    assert versions().state == "ok"
    other = versions("paramiko==0.0.1 \\\n    --hash=sha256:00\nno-such-thing==1.0 \\\n")
    assert other.state == "warning"
    assert "paramiko is" in other.seen
    assert "no-such-thing is missing (1.0 is pinned)" in other.seen
    assert other.fix
    assert other.fix.command.startswith("./slipway package")
    assert versions("").state == "warning"
