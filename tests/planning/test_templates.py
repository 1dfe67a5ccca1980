"""The parameters that a deployment is started with, and those of plans of other versions."""

import pytest
from hypothesis import given

from clients.errors import Refused
from cluster.ownership import Owner
from cluster.plan import PlannedDeployment, make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from planning.templates import parameters, placeholder_parameters, template
from tests.cluster.specs import documents

OWNER = Owner("demo", "0a1b2c3d", "account/slipway")


@given(documents())
def test_a_template_has_each_parameter_of_the_plan_and_the_plan_each_that_it_requires(
    document: dict[str, object],
) -> None:
    spec = parse_spec(document)
    plan = make_plan(spec, ClusterRecord(name=spec.name, uid="0a1b2c3d", generation=1), [])
    for deployment in plan.deployments:
        known = template(deployment.template)["parameters"]
        assert set(deployment.parameters) <= set(known)
        required = {name for name, one in known.items() if "defaultValue" not in one}
        assert required <= set(placeholder_parameters(deployment, OWNER))


def test_a_parameter_that_only_a_newer_version_has_is_not_sent() -> None:
    deployment = PlannedDeployment(
        part="network", template="network", parameters={"clusterName": "demo", "natGateway": True}
    )
    assert parameters(deployment, OWNER, "", {}) == {
        "clusterName": {"value": "demo"},
        "ownerTags": {"value": OWNER.tags},
    }


def test_a_template_that_only_a_newer_version_has_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        template("gateways")
    assert (refused.value.code, refused.value.place) == ("UnknownTemplate", "gateways")
