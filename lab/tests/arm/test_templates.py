"""Templates turned into resources: parameters, loops, conditions, dependencies, limits."""

import json
from typing import Any

import pytest

from lab.arm.errors import ArmError
from lab.arm.scope import Pending
from lab.arm.template import Concrete, Evaluation, evaluate
from lab.tests.arm.samples import SCHEMA, nested, resource, template

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers"
KIND = "Microsoft.Network/networkSecurityGroups"


def run(body: dict[str, Any], **given: Any) -> Evaluation:
    return evaluate(
        body,
        {name: {"value": value} for name, value in given.items()},
        group="demo-rg",
        location="westeurope",
        subscription=SUBSCRIPTION,
    )


def refused(body: dict[str, Any], **given: Any) -> str:
    with pytest.raises(ArmError) as error:
        run(body, **given)
    assert error.value.code == "InvalidTemplate"
    assert error.value.status == 400
    return error.value.message


def names(evaluation: Evaluation) -> list[str]:
    return [concrete.name for concrete in evaluation.resources]


def by_name(evaluation: Evaluation, name: str) -> Concrete:
    return next(concrete for concrete in evaluation.resources if concrete.name == name)


def group(name: str = "g", **more: Any) -> dict[str, Any]:
    return resource(KIND, name, more.pop("properties", None), **more)


# -- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("string", 1, "'Integer'"),
        ("int", "1", "'String'"),
        ("int", True, "'Boolean'"),
        ("bool", "true", "'String'"),
        ("array", {}, "'Object'"),
        ("object", [], "'Array'"),
        ("secureObject", "x", "'String'"),
        ("secureString", 1, "'Integer'"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_refused(kind: str, value: Any, shown: str) -> None:
    message = refused(template(parameters={"p": {"type": kind}}), p=value)
    assert "parameter 'p' is not valid" in message
    assert shown in message


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        ({"type": "string", "minLength": 3}, "ab", "minLength of '3'"),
        ({"type": "string", "maxLength": 1}, "ab", "maxLength of '1'"),
        ({"type": "array", "minLength": 1}, [], "minLength of '1'"),
        ({"type": "int", "minValue": 3}, 2, "minValue of '3'"),
        ({"type": "int", "maxValue": 3}, 4, "maxValue of '3'"),
        ({"type": "string", "allowedValues": ["a", "b"]}, "c", "allowed value(s): 'a,b'"),
        ({"type": "array", "allowedValues": ["a", "b"]}, ["a", "c"], "allowed value(s): 'a,b'"),
        ({"type": "text"}, "c", "has no valid type"),
        ({"type": "string", "default": "c"}, "c", "Could not find member 'default'"),
    ],
)
def test_a_parameter_outside_of_its_bounds_is_refused(
    rule: dict[str, Any], value: Any, reason: str
) -> None:
    assert reason in refused(template(parameters={"p": rule}), p=value)


def test_a_refused_secret_is_not_shown() -> None:
    rule = {"type": "secureString", "allowedValues": ["a"]}
    assert "hunter2" not in refused(template(parameters={"p": rule}), p="hunter2")


def test_missing_and_unknown_parameters_are_refused() -> None:
    body = template(parameters={"p": {"type": "string"}})
    assert "'p' is not provided" in refused(body)
    assert "'p' is not provided" in refused(body, p=None)
    assert "'q' in the parameters file are not valid" in refused(body, p="x", q="y")


def test_defaults_may_use_other_parameters_in_any_order_and_case() -> None:
    declared = {
        "a": {"type": "string", "defaultValue": "[concat(parameters('B'), '!')]"},
        "b": {"type": "string", "defaultValue": "[resourceGroup().location]"},
    }
    assert run(template(parameters=declared)).parameters["a"] == "westeurope!"
    assert run(template(parameters=declared), B="x").parameters == {"a": "x!", "b": "x"}


def test_a_given_value_is_never_evaluated() -> None:
    body = template(parameters={"p": {"type": "string"}})
    assert run(body, p="[concat('a')]").parameters["p"] == "[concat('a')]"
    assert run(body, P="[concat('a')]").parameters["p"] == "[concat('a')]"


@pytest.mark.parametrize(
    ("default", "reason"),
    [
        ("[parameters('p')]", "Circular reference of parameter 'p'"),
        ("[variables('v')]", "'variables' is not expected here"),
        ("[reference('x')]", "'reference' is not expected at this location"),
        ("[createArray()]", "Expected a value of type 'String'"),
    ],
)
def test_a_default_that_cannot_be_is_refused(default: str, reason: str) -> None:
    declared = {"p": {"type": "string", "defaultValue": default}}
    assert reason in refused(template(parameters=declared, variables={"v": "x"}))


def test_a_nullable_parameter_may_be_left_out() -> None:
    declared = {"p": {"type": "string", "nullable": True}}
    assert run(template(parameters=declared)).parameters == {"p": None}


# -- variables and loops -------------------------------------------------------------------------


def test_variables_refer_to_each_other_in_any_order_but_not_in_a_circle() -> None:
    chain = {"a": "[concat(variables('b'), '2')]", "b": "[concat(variables('c'), '1')]", "c": "0"}
    body = template(group("[variables('a')]"), variables=chain)
    assert names(run(body)) == ["012"]
    body["variables"]["c"] = "[variables('a')]"
    assert "Circular reference of variable 'a'" in refused(body)


def test_loops_make_variables_properties_resources_and_outputs() -> None:
    numbers = {"copy": [{"name": "n", "count": 2, "input": "[add(copyIndex('n'), 5)]"}]}
    inner = {
        "copy": [
            {
                "name": "securityRules",
                "count": "[length(variables('n'))]",
                "input": {
                    "name": "[format('r{0}-{1}', copyIndex(), copyIndex('securityRules', 1))]"
                },
            }
        ],
        "flushConnection": True,
    }
    looped = group(
        "[format('g{0}', copyIndex(1))]",
        copy={"name": "groups", "count": 2},
        properties=inner,
        tags={"n": "[string(variables('n'))]"},
    )
    outputs = {"all": {"type": "array", "copy": {"count": 3, "input": "[mul(copyIndex(), 2)]"}}}
    found = run(template(looped, variables=numbers, outputs=outputs))
    assert names(found) == ["g1", "g2"]
    body = by_name(found, "g2").body
    assert body["properties"] == {
        "securityRules": [{"name": "r1-1"}, {"name": "r1-2"}],
        "flushConnection": True,
    }
    assert body["tags"] == {"n": "[5,6]"}
    assert found.outputs(lambda *_: None)["all"] == {"type": "Array", "value": [0, 2, 4]}


def test_a_serial_loop_waits_for_its_batches() -> None:
    loop = {"name": "groups", "count": 5, "mode": "Serial", "batchSize": 2}
    found = run(template(group("[format('g{0}', copyIndex())]", copy=loop)))
    waits = [[key.rpartition("/")[2] for key in c.depends_on] for c in found.resources]
    assert waits == [[], [], ["g0"], ["g1"], ["g2"]]


def test_an_empty_loop_makes_nothing_and_may_be_waited_for() -> None:
    looped = group("[format('g{0}', copyIndex())]", copy={"name": "none", "count": 0})
    assert names(run(template(looped, group("last", dependsOn=["none"])))) == ["last"]


@pytest.mark.parametrize("count", [-1, 801, "[string(1)]"])
def test_a_loop_counts_to_800_and_not_further(count: Any) -> None:
    looped = group("[format('g{0}', copyIndex())]", copy={"name": "many", "count": count})
    assert "cannot exceed '800'" in refused(template(looped))


def test_the_index_of_another_loop_is_refused() -> None:
    looped = group("[format('g{0}', copyIndex('b'))]", copy={"name": "a", "count": 1})
    assert "loop 'b'" in refused(template(looped))


def test_a_property_that_is_called_copy_is_no_loop() -> None:
    found = run(template(group(tags={"copy": ["a"]})))
    assert found.resources[0].body["tags"] == {"copy": ["a"]}


# -- resources -----------------------------------------------------------------------------------


def test_nulls_are_absent_and_conditions_leave_out() -> None:
    body = template(
        group("a", tags="[if(true(), null(), createObject())]"),
        group("b", condition="[equals(1, 2)]"),
        group("c", dependsOn=[f"{KIND}/b"]),
    )
    found = run(body)
    assert names(found) == ["a", "c"]
    assert "tags" not in found.resources[0].body
    assert by_name(found, "c").depends_on == []
    assert "The condition must be a boolean" in refused(template(group(condition="yes")))


def test_children_written_inside_of_their_parent_are_put_beside_it() -> None:
    child = {
        "type": "subnets",
        "apiVersion": "2025-09-01",
        "name": "one",
        "properties": {"addressPrefix": "10.0.0.0/24"},
    }
    parent = resource("Microsoft.Network/virtualNetworks", "net", resources=[child])
    found = run(template(parent))
    assert names(found) == ["net", "net/one"]
    assert found.resources[1].type == "Microsoft.Network/virtualNetworks/subnets"
    assert found.resources[1].depends_on == [
        f"{ROOT}/Microsoft.Network/virtualNetworks/net".lower()
    ]
    assert "resources" not in found.resources[0].body
    parent["condition"] = False
    assert names(run(template(parent))) == []


def test_dependencies_may_be_named_by_id_type_name_and_loop() -> None:
    waits = ["a", f"{KIND}/b", f"[resourceId('{KIND}', 'c')]", "LOOP"]
    body = template(
        group("a"),
        group("b"),
        group("c"),
        group("[format('l{0}', copyIndex())]", copy={"name": "loop", "count": 2}),
        group("last", dependsOn=waits),
    )
    last = by_name(run(body), "last")
    assert [key.rpartition("/")[2] for key in last.depends_on] == ["a", "b", "c", "l0", "l1"]


def test_unknown_doubtful_and_circular_dependencies_are_refused() -> None:
    assert "'nobody' is not defined in the template, and 'g' depends on it" in refused(
        template(group(dependsOn=["nobody"]))
    )
    other = resource("Microsoft.Network/virtualNetworks", "a")
    assert "it could match multiple resources" in refused(
        template(group("a"), other, group("b", dependsOn=["a"]))
    )
    circle = refused(
        template(
            group("a", dependsOn=["c"]), group("b", dependsOn=["a"]), group("c", dependsOn=["b"])
        )
    )
    assert "Circular dependency detected" in circle
    assert circle.count("networksecuritygroups/") == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "net/one"}, "incorrect segment lengths"),
        ({"name": 7}, "The value must be a string"),
        ({"name": "[reference('x').name]"}, "'reference' is not expected"),
        ({"scope": "x"}, "'x' does not name a resource"),
        ({"tags": {"a": "[parameters('p')]"}}, "'resources[0].tags.a'"),
    ],
)
def test_a_resource_that_cannot_be_is_refused_with_its_place(
    change: dict[str, Any], reason: str
) -> None:
    assert reason in refused(template({**group(), **change}))


@pytest.mark.parametrize("lacking", ["type", "apiVersion", "name"])
def test_a_resource_without_its_main_properties_is_refused(lacking: str) -> None:
    body = group()
    del body[lacking]
    message = refused(template(body))
    assert f"missing the required property '{lacking}'" in message
    assert "resources[0]" in message


def test_the_same_resource_twice_is_refused() -> None:
    assert "is defined multiple times" in refused(template(group("a"), group("A")))


# -- reference -----------------------------------------------------------------------------------


def test_a_reference_is_evaluated_late_and_makes_its_reader_wait() -> None:
    body = template(
        group(
            "a", properties={"x": f"[reference(resourceId('{KIND}', 'b')).y]", "z": "[add(1, 1)]"}
        ),
        group("b"),
        group("c", tags={"b": "[reference('b', '2025-09-01', 'Full').location]"}),
    )
    found = run(body)
    reader = by_name(found, "a")
    assert reader.depends_on == by_name(found, "c").depends_on == [by_name(found, "b").id.lower()]
    assert isinstance(reader.body["properties"]["x"], Pending)
    assert reader.body["properties"]["z"] == 2
    asked: list[tuple[str, bool]] = []

    def reference(target: str, full: bool) -> dict[str, Any]:
        asked.append((target.rpartition("/")[2], full))
        return {"y": "seen", "location": "here"}

    assert reader.settled(reference)["properties"] == {"x": "seen", "z": 2}
    assert by_name(found, "c").settled(reference)["tags"] == {"b": "here"}
    assert asked == [("b", False), ("b", True)]


# -- nested --------------------------------------------------------------------------------------


def test_a_nested_template_keeps_its_own_expressions_and_gets_evaluated_parameters() -> None:
    inner = template(parameters={"p": {"type": "string"}}, outputs={})
    inner["resources"] = [group("[parameters('p')]")]
    body = template(
        nested("in", inner, resourceGroup="other", parameters={"p": {"value": "[toUpper('x')]"}})
    )
    concrete = run(body).resources[0]
    assert concrete.group == "other"
    assert "/resourceGroups/other/" in concrete.id
    assert concrete.body["properties"]["parameters"] == {"p": {"value": "X"}}
    assert concrete.body["properties"]["template"] == inner


# -- limits and shape ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "limit", "entry"),
    [
        ("parameters", 256, {"type": "string", "defaultValue": "x"}),
        ("variables", 256, "x"),
        ("outputs", 64, {"type": "string", "value": "x"}),
    ],
)
def test_sections_have_limits(section: str, limit: int, entry: Any) -> None:
    body = template(**{section: {f"n{n}": entry for n in range(limit)}})
    run(body)
    body[section]["more"] = entry
    message = refused(body)
    assert (
        f"template {section} limit exceeded. Limit: '{limit}' and actual: '{limit + 1}'" in message
    )


def test_a_template_has_800_resources_at_most() -> None:
    looped = group("[format('g{0}', copyIndex())]", copy={"name": "many", "count": 800})
    assert len(run(template(looped)).resources) == 800
    assert "Limit: '800' and actual: '801'" in refused(template(looped, group("more")))


def test_four_megabytes_are_the_limit_of_a_template_and_of_what_its_loops_make() -> None:
    large = "x" * 50_000
    with pytest.raises(ArmError) as error:
        run(template(group(tags={"a": large}), variables={f"v{n}": large for n in range(90)}))
    assert (error.value.status, error.value.code) == (413, "RequestContentTooLarge")
    looped = group(
        "[format('g{0}', copyIndex())]", copy={"name": "many", "count": 90}, tags={"a": large}
    )
    with pytest.raises(ArmError) as error:
        run(template(looped))
    assert error.value.code == "JobSizeExceeded"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"colour": 1}, "Could not find member 'colour'"),
        ({"languageVersion": "2.0"}, "does not take the template section 'languageVersion'"),
        ({"functions": []}, "does not take the template section 'functions'"),
        ({"resources": {"a": {}}}, "symbolic names"),
        ({"contentVersion": None}, "Required property 'contentVersion'"),
        ({"resources": ["x"]}, "is not an object"),
    ],
)
def test_a_template_of_another_form_is_refused(change: dict[str, Any], reason: str) -> None:
    body = {key: value for key, value in {**template(), **change}.items() if value is not None}
    assert reason in refused(body)


def test_outputs_are_checked_before_anything_is_deployed() -> None:
    outputs = {"o": {"type": "string", "value": "[variables('nobody')]"}}
    assert "'nobody' is not found" in refused(template(outputs=outputs))
    absent = {"o": {"type": "string", "condition": False, "value": "[first(createArray())]"}}
    assert run(template(outputs=absent)).outputs(lambda *_: None) == {}


def test_a_secure_output_has_no_value() -> None:
    outputs = {"o": {"type": "secureString", "value": "x"}}
    assert run(template(outputs=outputs)).outputs(lambda *_: None) == {
        "o": {"type": "SecureString"}
    }


def test_evaluation_changes_neither_template_nor_parameters() -> None:
    body = template(
        group("[parameters('p')]", copy={"name": "l", "count": 1}),
        parameters={"p": {"type": "string"}},
    )
    before = json.dumps(body)
    run(body, p="a")
    assert json.dumps(body) == before
    assert body["$schema"] == SCHEMA
