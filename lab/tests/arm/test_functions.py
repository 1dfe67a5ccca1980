"""The template language, function by function, after Microsoft's function reference."""

import json
from typing import Any

import pytest

from lab.arm.errors import ArmError
from lab.arm.template import evaluate
from lab.tests.arm.samples import template

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
ROOT = f"/subscriptions/{SUBSCRIPTION}"


def outcome(expression: Any, kind: str = "string", **sections: Any) -> Any:
    """The expression's value, as the one output of a template without resources."""
    found = evaluate(
        template(outputs={"it": {"type": kind, "value": expression}}, **sections),
        {},
        group="demo-rg",
        location="westeurope",
        subscription=SUBSCRIPTION,
        deployment="trial",
        tags={"owner": "me"},
    )
    return found.outputs(lambda *_: None)["it"]["value"]


KINDS = {bool: "bool", int: "int", str: "string", list: "array", dict: "object"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # literals and escapes
        ("plain", "plain"),
        ("[[literal]", "[literal]"),
        ("[not closed", "[not closed"),
        ("['it''s']", "it's"),
        ("[-3]", -3),
        ("[ concat( 'a' , 'b' ) ]", "ab"),
        ("[CONCAT('a', 'b')]", "ab"),
        ("[createObject('a', createArray(1, 2)).A[1]]", 2),
        ("[createObject('a-b', 1)['a-b']]", 1),
        # strings
        ("[concat('a', 1, true())]", "a1True"),
        ("[concat(createArray(1), createArray(2, 3))]", [1, 2, 3]),
        ("[format('{0}-{1}-{0}', 'a', 7)]", "a-7-a"),
        ("[format('{{{0:D3}}}', 7)]", "{007}"),
        ("[format('{0:X4}', 255)]", "00FF"),
        ("[format('{0}', createArray('a'))]", '["a"]'),
        ("[length('four')]", 4),
        ("[toLower('AbC')]", "abc"),
        ("[toUpper('AbC')]", "ABC"),
        ("[trim('  a ')]", "a"),
        ("[split('a,b;c', createArray(',', ';'))]", ["a", "b", "c"]),
        ("[split('a.b', '.')]", ["a", "b"]),
        ("[join(createArray('a', 1), '-')]", "a-1"),
        ("[replace('aXbX', 'X', '')]", "ab"),
        ("[substring('abcdef', 1, 3)]", "bcd"),
        ("[substring('abcdef', 4)]", "ef"),
        ("[startsWith('Abc', 'aB')]", True),
        ("[endsWith('Abc', 'BC')]", True),
        ("[indexOf('Banana', 'NA')]", 2),
        ("[lastIndexOf('Banana', 'na')]", 4),
        ("[indexOf('a', 'x')]", -1),
        ("[padLeft(7, 3, '0')]", "007"),
        ("[padLeft('ab', 4)]", "  ab"),
        ("[base64('abc')]", "YWJj"),
        ("[base64ToString('YWJj')]", "abc"),
        ("[uri('https://a.example/b/', 'c.json')]", "https://a.example/b/c.json"),
        ("[uri('https://a.example/b', 'c.json')]", "https://a.example/c.json"),
        ("[uriComponent('a b/c')]", "a%20b%2Fc"),
        ("[string(createObject('a', true()))]", '{"a":true}'),
        ("[string(true())]", "True"),
        ("[string(null())]", ""),
        ("[json('{\"a\": [1, null]}')]", {"a": [1, None]}),
        # numbers
        ("[add(2, 3)]", 5),
        ("[sub(2, 3)]", -1),
        ("[mul(2, 3)]", 6),
        ("[div(-7, 2)]", -3),
        ("[mod(-7, 2)]", -1),
        ("[mod(7, 3)]", 1),
        ("[int('42')]", 42),
        ("[min(3, 1, 2)]", 1),
        ("[max(createArray(3, 1))]", 3),
        # logic
        ("[if(true(), 'yes', first(createObject()))]", "yes"),
        ("[and(true(), false())]", False),
        ("[or(false(), true())]", True),
        ("[not(false())]", True),
        ("[equals('a', 'A')]", False),
        ("[equals(1, '1')]", False),
        ("[equals(createArray(1), createArray(1))]", True),
        ("[less(1, 2)]", True),
        ("[lessOrEquals('a', 'a')]", True),
        ("[greater('b', 'a')]", True),
        ("[greaterOrEquals(1, 2)]", False),
        ("[coalesce(null(), 'a', 'b')]", "a"),
        ("[bool('TRUE')]", True),
        ("[bool(0)]", False),
        # arrays and objects
        ("[range(3, 2)]", [3, 4]),
        ("[union(createArray(1, 2, 2), createArray(2, 3))]", [1, 2, 3]),
        (
            "[union(json('{\"a\": {\"x\": 1}, \"b\": 1}'), json('{\"a\": {\"y\": 2}, \"b\": 2}'))]",
            {"a": {"x": 1, "y": 2}, "b": 2},
        ),
        ("[intersection(createArray(1, 2, 3), createArray(3, 2))]", [2, 3]),
        ("[intersection(json('{\"a\": 1, \"b\": 2}'), json('{\"a\": 1, \"b\": 3}'))]", {"a": 1}),
        ("[contains('abc', 'bc')]", True),
        ("[contains('abc', 'BC')]", False),
        ("[contains(createArray(1, 2), 2)]", True),
        ("[contains(createObject('Key', 1), 'kEY')]", True),
        ("[empty('')]", True),
        ("[empty(createObject('a', 1))]", False),
        ("[empty(null())]", True),
        ("[first('abc')]", "a"),
        ("[last(createArray(1, 2))]", 2),
        ("[skip('abc', 1)]", "bc"),
        ("[take(createArray(1, 2, 3), 2)]", [1, 2]),
        ("[take('abc', -1)]", ""),
        ("[length(createObject('a', 1))]", 1),
        ("[flatten(createArray(createArray(1), createArray(2, 3)))]", [1, 2, 3]),
        ("[items(createObject('b', 2, 'a', 1))[0].key]", "a"),
        ("[objectKeys(createObject('b', 2, 'a', 1))]", ["a", "b"]),
        ("[array('a')]", ["a"]),
        ("[string(tryGet(createObject('a', createArray(5)), 'a', 0))]", "5"),
        ("[empty(tryGet(createObject('a', 1), 'b', 'c'))]", True),
        ("[shallowMerge(createArray(createObject('a', 1), createObject('b', 2)))]",
         {"a": 1, "b": 2}),
        # lambdas
        ("[map(range(0, 3), lambda('x', mul(lambdaVariables('x'), 2)))]", [0, 2, 4]),
        ("[map(createArray('a', 'b'), lambda('x', 'i', format('{0}{1}', lambdaVariables('x'), "
         "lambdaVariables('i'))))]", ["a0", "b1"]),
        ("[filter(range(0, 4), lambda('x', greater(lambdaVariables('x'), 1)))]", [2, 3]),
        ("[reduce(range(1, 3), 0, lambda('sum', 'x', add(lambdaVariables('sum'), "
         "lambdaVariables('x'))))]", 6),
        ("[sort(createArray(2, 3, 1), lambda('a', 'b', less(lambdaVariables('a'), "
         "lambdaVariables('b'))))]", [1, 2, 3]),
        ("[toObject(createArray('a'), lambda('x', lambdaVariables('x')), lambda('x', 1))]",
         {"a": 1}),
        ("[groupBy(createArray('ab', 'ac', 'b'), lambda('x', take(lambdaVariables('x'), 1)))]",
         {"a": ["ab", "ac"], "b": ["b"]}),
        ("[mapValues(createObject('a', 1), lambda('x', add(lambdaVariables('x'), 1)))]", {"a": 2}),
        # addresses
        ("[cidrSubnet('10.144.0.0/20', 24, 2)]", "10.144.2.0/24"),
        ("[cidrHost('10.144.3.0/24', 0)]", "10.144.3.1"),
        ("[parseCidr('10.144.1.7/24').firstUsable]", "10.144.1.1"),
        ("[parseCidr('10.144.0.0/20').netmask]", "255.255.240.0"),
        ("[parseCidr('10.144.0.0/20').lastUsable]", "10.144.15.254"),
        # scope
        ("[subscription().subscriptionId]", SUBSCRIPTION),
        ("[resourceGroup().name]", "demo-rg"),
        ("[resourceGroup().location]", "westeurope"),
        ("[resourceGroup().tags.owner]", "me"),
        ("[deployment().name]", "trial"),
        ("[resourceId('Microsoft.A/b/c', 'x', 'y')]",
         f"{ROOT}/resourceGroups/demo-rg/providers/Microsoft.A/b/x/c/y"),
        ("[resourceId('other', 'Microsoft.A/b', 'x')]",
         f"{ROOT}/resourceGroups/other/providers/Microsoft.A/b/x"),
        ("[resourceId('s', 'other', 'Microsoft.A/b', 'x')]",
         "/subscriptions/s/resourceGroups/other/providers/Microsoft.A/b/x"),
        ("[subscriptionResourceId('Microsoft.A/b', 'x')]", f"{ROOT}/providers/Microsoft.A/b/x"),
    ],
)  # fmt: skip
def test_an_expression_has_the_value_that_arm_gives_it(expression: str, value: Any) -> None:
    assert outcome(expression, KINDS[type(value)]) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("[nonsense('a')]", "The template function 'nonsense' is not valid"),
        ("[if(true(), 'a', nonsense())]", "The template function 'nonsense' is not valid"),
        ("[if(true(), fail('no such plan'), 'a')]", "'fail': no such plan"),
        ("[fail(1)]", "expected a value of type 'String'"),
        ("[utcNow()]", "does not evaluate the function 'utcNow'"),
        ("[length()]", "requires '1' argument(s) while '0' were provided"),
        ("[substring('a')]", "requires '2' to '3' argument(s)"),
        ("[concat('a']", "expected token 'RightParenthesis' and actual 'EndOfData'"),
        ("[concat('a',)]", "expected token 'Identifier' and actual 'RightParenthesis'"),
        ("[concat('a') 'b']", "expected token 'EndOfData'"),
        ("[ab]", "expected token 'LeftParenthesis'"),
        ("[]", "expected token 'Identifier' and actual 'EndOfData'"),
        ("[concat('a'; 'b')]", "the string character ';' at position '10' is not expected"),
        ("[createArray(1)[3]]", "array index '3' is out of bounds"),
        ("[createObject('a', 1).b]", "property 'b' doesn't exist, available properties are 'a'"),
        ("[string('a').b]", "can't be evaluated, the value is of type 'String'"),
        ("[parameters('nobody')]", "The template parameter 'nobody' is not found"),
        ("[variables('nobody')]", "The template variable 'nobody' is not found"),
        ("[copyIndex()]", "The template function 'copyIndex' is not expected"),
        ("[add(1, true())]", "expected a value of type 'Integer', got 'Boolean'"),
        ("[add('1', 1)]", "expected a value of type 'Integer', got 'String'"),
        ("[div(1, 0)]", "division by zero"),
        ("[int('x')]", "'x' is not an integer"),
        ("[substring('abc', 2, 5)]", "index and length must refer to a location"),
        ("[concat('a', createArray(1))]", "all arguments must be arrays, or none"),
        ("[not('true')]", "expected a value of type 'Boolean'"),
        ("[less(1, 'a')]", "cannot be compared"),
        ("[json('{')]", "the value is not JSON"),
        ("[base64ToString('??')]", "not base64"),
        ("[format('{1}', 'a')]", "names argument 1"),
        ("[range(0, 10001)]", "from 0 to 10000"),
        ("[map(createArray(1), 'x')]", "expected a lambda"),
        ("[cidrSubnet('10.0.0.0/24', 20, 0)]", "does not fit"),
        ("[cidrHost('10.0.0.0/30', 2)]", "no host of index 2"),
        ("[parseCidr('10.0.0.0')]", "is not a CIDR range"),
        ("[resourceId('Microsoft.A/b', 'x', 'y')]", "requires '1' resource name argument(s)"),
        ("[resourceId('a', 'b')]", "a fully qualified resource type is required"),
        ("[" + "concat('" + "a" * 24_576 + "')]", "expression length limit exceeded"),
    ],
)
def test_an_expression_that_arm_would_not_take_is_refused_with_its_place(
    expression: str, reason: str
) -> None:
    with pytest.raises(ArmError) as refused:
        outcome(expression)
    assert refused.value.code == "InvalidTemplate"
    assert reason in refused.value.message
    assert "'outputs.it.value'" in refused.value.message


def test_an_expression_at_the_limit_is_taken() -> None:
    around = len("[concat('')]")
    assert outcome("[concat('" + "a" * (24_576 - around) + "')]") == "a" * (24_576 - around)


def test_a_unique_string_and_a_guid_depend_on_their_arguments_only() -> None:
    for function, length in (("uniqueString", 13), ("guid", 36)):
        one, two, other = (outcome(f"[{function}('a', '{x}')]") for x in ("b", "b", "c"))
        assert one == two != other
        assert len(one) == length


def test_names_are_compared_without_regard_to_case() -> None:
    sections = {
        "parameters": {"theName": {"type": "string", "defaultValue": "x"}},
        "variables": {"Other": "[toUpper(Parameters('THENAME'))]"},
    }
    assert outcome("[VARIABLES('oTHER')]", **sections) == "X"


def test_values_inside_of_objects_and_lists_are_evaluated() -> None:
    raw = {"a": ["[add(1, 2)]", {"[concat('k', 'ey')]": "[true()]"}], "b": "[[x]", "c": 1}
    assert outcome(raw, "object") == {"a": [3, {"key": True}], "b": "[x]", "c": 1}


def test_a_value_of_another_type_than_the_output_is_refused() -> None:
    with pytest.raises(ArmError, match="expected a value of type 'Int'"):
        outcome("a", "int")


def test_json_round_trips_through_string() -> None:
    value = {"a": [1, True, None, "ü"]}
    assert outcome(f"[json(string(json('{json.dumps(value)}')))]", "object") == value
