"""How checks are run: none keeps another from its answer, and none tells what it was given."""

import threading

from clients.errors import Refused, Transient
from clients.examination import Check, run_checks
from clients.versions import versions
from cluster.findings import Finding


def good() -> Finding:
    return Finding(name="good", state="ok", seen="seen")


def refused() -> Finding:
    raise Refused("AuthorizationFailed", "no right to look")


def busy() -> Finding:
    raise Transient("quota: status 429")


def broken() -> Finding:
    raise ValueError("the-canary")


def test_findings_come_in_order_and_what_is_raised_becomes_one() -> None:
    wanted = {
        "broken": Check(broken, "mend"),
        "refused": Check(refused, "give it the right"),
        "busy": Check(busy, "mend"),
        "good": Check(good, "mend"),
    }
    found = run_checks(wanted)
    assert [finding.name for finding in found] == list(wanted)
    assert [finding.state for finding in found] == ["failed", "failed", "failed", "ok"]
    assert all(finding.mend for finding in found[:3])
    assert found[0].seen == "ValueError, which is a fault of Slipway's own"
    assert (found[1].seen, found[1].mend) == (
        "AuthorizationFailed: no right to look",
        "give it the right",
    )
    assert "again" in found[2].mend


def test_a_check_that_hangs_is_left_behind_and_the_others_are_told() -> None:
    gate = threading.Event()

    def hangs() -> Finding:
        gate.wait(60)
        return good()

    try:
        found = run_checks({"late": Check(hangs, ""), "good": Check(good, "")}, seconds=0.5)
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
    assert other.mend.startswith("./slipway package")
