"""Microsoft's own command line runs every command that the project names, against the lab."""

import re
import shlex
from collections.abc import Callable

import pytest

from lab.tests.azure_cli.conftest import Lab
from lab.tests.azure_cli.named import Named, named_commands
from tests.arm.installation import GROUP

pytestmark = pytest.mark.long
NO_APP = "no app runs behind the lab's record of a site"
ONLY_TEMPLATES = "the lab's ARM takes resources from templates only"
# What the lab has no answer to. That the command and its options exist is looked at all the same.
NOT_IN_THE_LAB = {
    "account get-access-token": "the lab's directory has no app registrations",
    "ad app update": "the lab's directory has no app registrations",
    "ad signed-in-user show": "an identity is signed in, and no user",
    "ad sp create": "the lab's directory has no app registrations",
    "ad sp show": "the lab's directory has no app registrations",
    "functionapp config appsettings set": NO_APP,
    "functionapp deployment source config-zip": NO_APP,
    "functionapp keys list": NO_APP,
    "functionapp list-flexconsumption-runtimes": "the list of runtimes is the platform's own",
    "functionapp restart": NO_APP,
    "keyvault recover": "the lab keeps no vault that was deleted",
    "keyvault secret show": "it shows a secret that a user has put there",
    "login": "it opens a browser",
    "monitor metrics list": "the lab measures nothing",
    "rest": ONLY_TEMPLATES,
    "role assignment create": ONLY_TEMPLATES,
    "tag update": "the lab has no API of tags: they are written with their resources",
    "webapp auth update": NO_APP,
    "vm image list": "the lab has one image, and no catalogue of publishers",
}
# They run after all others, in the order of the documents.
LAST = ("delete",)


def in_order() -> list[Named]:
    found = named_commands()
    return sorted(found, key=lambda one: one.words.split()[-1] in LAST)


COMMANDS = in_order()


@pytest.mark.parametrize("named", COMMANDS, ids=lambda named: f"{named.place}: {named.text[:60]}")
def test_a_command_that_is_named_runs(
    lab: Lab, named: Named, record_property: Callable[[str, object], None]
) -> None:
    words = named.words.split()
    if named.mentioned or named.words in NOT_IN_THE_LAB:
        text = lab.run([*words, "--help"])
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", named.text):
            assert re.search(rf"(?<!\S){option}(?![\w-])", text), f"no option {option}:\n{text}"
        record_property("azure-cli", "described")
        return
    lab.run(filled(lab, named))
    record_property("azure-cli", "ran")


def test_every_exception_is_of_a_command_that_is_named() -> None:
    assert set(NOT_IN_THE_LAB) <= {named.words for named in COMMANDS}


def filled(lab: Lab, named: Named) -> list[str]:
    """The command's arguments with the lab's own names for what the texts leave open."""
    text = named.text
    for pattern, value in values(lab).items():
        text = re.sub(pattern, lambda _, value=value: value, text)
    left = re.search(r"\$[\w{(]|\{[a-z]|(?<![\w.-])[A-Z]{3,}(?![\w.])", text)
    assert not left, f"{named.place}: what is '{left[0] if left else ''}' in 'az {text}'?"
    arguments = shlex.split(text)
    if named.words == "role assignment delete":
        listed = ["role", "assignment", "list", "--all", "--query", "[].id", "-o", "tsv"]
        arguments += lab.run(listed).split()
    if named.words in ("group delete", "eventgrid system-topic event-subscription delete"):
        arguments.append("--yes")
    return arguments


def values(lab: Lab) -> dict[str, str]:
    one = lab.installation.one
    app, vault = one("Microsoft.Web/sites")["name"], one("Microsoft.KeyVault/vaults")["name"]
    account = one("Microsoft.Storage/storageAccounts")["name"]
    principal = str(lab.outputs["appPrincipalId"])
    place = r"\{(self|place|installation)"
    return {
        r"\{flags\}": f"--vault-name {vault} --name slack-webhook --enabled true",
        rf"ITS-GROUP|{place}\.group\}}|" r"\{group\}|\$GROUP|\$\(group\)|\$group": GROUP,
        r"ITS-NAME": "slipway-groups",
        r"APP-PRINCIPAL|\$app(?!\w)(?!\")": principal,
        rf"{place}\.app\}}|" r"\{app\}|\$APP|\$\(app\)|\$app|(?<![\w-])APP(?![\w-])": app,
        r"\{vault\}|VAULT(?!S)": vault,
        r"ACCOUNT": account,
        r"\{name\}": "slack-webhook",
        r"\{secret\}": "lost",
        r"\$role": "capacity",
        r"\$p(?!\w)|\{found\[0\] if found else 'NAMESPACE'\}": "Microsoft.Compute",
        r"REGION|LOCATION|\{plan\.location\}": "westeurope",
        r"(?<![\w-])GROUP(?![\w-])": GROUP,
        r"(?<![\w-])NAMESPACE(?![\w-])": "Microsoft.Compute",
        r"SUBSCRIPTION": lab.installation.service.subscription,
        r"(?<!\w)SIZE": "Standard_D2s_v5",
        r"PARAMETERS": "operatorSources='[\"198.51.100.7\"]'",
        # Named without the app, in a sentence that is about it.
        r"^functionapp function list(?= --query)": f"functionapp function list -g {GROUP} -n {app}",
    }
