"""Names of an installation: each one is refused by the template, or gives valid names."""

import random
import re
import string
from pathlib import Path

import pytest

from lab.testing.templates import ArmError, evaluate
from tests.arm.installation import LOCATION, SUBSCRIPTION, Installation, load

# Microsoft's rules for names of resources.
VAULT = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]")
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]")
SCHEDULER = re.compile(r"[A-Za-z0-9-]{3,64}")
GOOD = ["ab", "a1", "a-b", "slipway", "slipway-10", "x" * 10, "a-b-c-d-ef"]
ODD = [
    "", "a", "-a", "a-", "--", "a--b", "1a", "9", "Slipway", "a_b", "a.b", "a b", " ab", "ab ",
    "äb", "a/b", "a'b", "x" * 11, "a\n", "ab\t", "ａｂ", "a\u0301b",
    "[a]", "{0}", "a%b", "\u00df\u00df",
]  # fmt: skip
WHERE = re.compile(r"Parameter name is |template parameter 'name' is not valid")


def names(name: str, group: str = "") -> dict[str, str]:
    """The shared names that the template gives.

    Raises:
        ArmError: it refuses the name.
    """
    given = {"name": {"value": name}}
    if group:
        given["resourceGroup"] = {"value": group}
    found = evaluate(
        load("azuredeploy"), given, group="", location=LOCATION, subscription=SUBSCRIPTION
    )
    parts = {
        part.name.rpartition("-")[2]: part.body["properties"]["parameters"]
        for part in found.resources
        if part.type == "Microsoft.Resources/deployments"
    }
    return {
        "vault": parts["vault"]["vaultName"]["value"],
        "account": parts["storage"]["accountName"]["value"],
        "app": parts["app"]["appName"]["value"],
    }


def check(name: str, group: str = "") -> bool:
    """Whether the template takes the name; fails where it takes one that Azure would not."""
    try:
        found = names(name, group)
    except ArmError as error:
        refused = str(error)
    else:
        return _all_valid(found)
    assert WHERE.search(refused), refused
    return False


def _all_valid(found: dict[str, str]) -> bool:
    assert VAULT.fullmatch(found["vault"]), found
    assert ACCOUNT.fullmatch(found["account"]), found
    assert APP.fullmatch(found["app"]), found
    assert SCHEDULER.fullmatch(found["app"]), found
    return True


@pytest.mark.parametrize("name", GOOD)
def test_good_names_are_taken(name: str) -> None:
    assert check(name)


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_odd_names_are_refused_by_the_template(name: str) -> None:
    assert not check(name)


def test_whatever_is_taken_gives_valid_names() -> None:
    chance = random.Random(20)  # noqa: S311 -- names, no secrets
    letters = string.ascii_lowercase + string.digits + "---" + string.ascii_uppercase + "_.é "
    taken = 0
    for _ in range(400):
        length = chance.randint(1, 11)
        pool = letters if chance.random() < 0.5 else letters[:39]
        name = "".join(chance.choice(pool) for _ in range(length))
        taken += check(name, "".join(chance.choice("aB-_.()9") for _ in range(8)))
    assert 50 < taken < 350


def test_a_refused_name_leaves_nothing_behind(tmp_path: Path) -> None:
    azure = Installation(tmp_path)
    with pytest.raises(ArmError, match="Parameter name is 'a--b': it must have lower-case"):
        azure.install(name="a--b")
    assert azure.everything() == {"groups": {}, "all": {}}


@pytest.mark.parametrize("name", ["a-b", "xy", "x" * 10])
def test_names_at_the_bounds_are_deployed(tmp_path: Path, name: str) -> None:
    """The stand-in checks the names of the other resources."""
    Installation(tmp_path).install(name=name)
