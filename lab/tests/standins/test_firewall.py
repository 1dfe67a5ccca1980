"""The lab's network as rules: what Azure has no route to is dropped."""

import pytest

from cluster.spec import Kubernetes
from lab.fabric import VirtualNetwork
from lab.machines.firewall import ruleset

DEFAULTS = (Kubernetes().pod_cidr, Kubernetes().service_cidr)


def forwarded(*vnets: str) -> list[str]:
    lines = ruleset(VirtualNetwork("n", ranges=vnets), {}, "lab", "uplink").splitlines()
    begin = lines.index("  chain forward {")
    return [line.strip() for line in lines[begin : lines.index("  }", begin)]]


def test_packets_to_pods_and_services_that_no_node_claims_are_dropped() -> None:
    assert f"ip daddr {{ {', '.join(DEFAULTS)} }} drop" in forwarded()


@pytest.mark.parametrize("vnet", DEFAULTS)
def test_a_network_in_the_default_range_of_pods_or_services_is_routed(vnet: str) -> None:
    rule = f"ip daddr {{ {', '.join(DEFAULTS)} }} ip daddr != {{ 10.0.0.0/16, {vnet} }} drop"
    assert rule in forwarded("10.0.0.0/16", vnet)
