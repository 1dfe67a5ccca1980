"""Security rules that Azure refuses."""

from typing import Any

import pytest

from lab.arm.errors import ArmError
from lab.arm.rules import check_rules


def rule(*sources: str) -> dict[str, Any]:
    properties = {
        "access": "Allow",
        "direction": "Inbound",
        "priority": 100,
        "protocol": "Tcp",
        "sourceAddressPrefixes": list(sources),
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "22",
    }
    return {"name": "ssh", "properties": properties}


def test_sources_beside_each_other_are_accepted() -> None:
    check_rules([rule("203.0.113.0/25", "203.0.113.128/25", "198.51.100.7/32")])


@pytest.mark.parametrize("other", ["203.0.113.0/24", "203.0.113.7/32", "203.0.0.0/16"])
def test_sources_that_overlap_are_refused(other: str) -> None:
    with pytest.raises(ArmError) as refused:
        check_rules([rule("198.51.100.7/32", "203.0.113.0/24", other)])
    assert refused.value.code == "OverlappingSubnetsNotPermittedInSecurityRule"
