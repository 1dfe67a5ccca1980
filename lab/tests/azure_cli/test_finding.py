"""Commands are found in prose, in code spans over two lines, in scripts and in the code."""

from lab.tests.azure_cli.named import Named, commands_in, literals, named_commands


def test_a_code_span_ends_the_command_and_a_line_does_not() -> None:
    text = "look: `az functionapp list\n  --query name`, then wait"
    assert list(commands_in(text)) == ["functionapp list --query name"]


def test_a_script_has_commands_in_substitutions_loops_and_pipes() -> None:
    script = (
        "me=$(az ad user show --query id)\nfor p in A; do az provider register -n $p; done\n"
        "az group list \\\n  -o tsv | xargs -n1 az group delete --name\n"
    )
    assert list(commands_in(script)) == [
        "ad user show --query id",
        "provider register -n $p",
        "group list -o tsv",
        "group delete --name",
    ]


def test_a_text_of_the_code_is_taken_whole_with_what_is_filled_in() -> None:
    source = 'f"az vm show -g {group} " "-n vm"\ndef f():\n    """az is not run."""\n'
    assert [c for text in literals(f"x = {source}") for c in commands_in(text)] == [
        "vm show -g {group} -n vm"
    ]


def test_the_commands_words_end_where_its_arguments_begin() -> None:
    named = Named("docs/x.md", "keyvault secret set --name a")
    assert (named.words, named.mentioned) == ("keyvault secret set", False)
    assert Named("docs/x.md", "group create").mentioned


def test_guide_doctor_and_pipelines_are_all_looked_at() -> None:
    places = {named.place for named in named_commands()}
    assert {"docs/install.md", "doctor/fixes.py", "examples/pipelines/check-app.sh"} <= places


def test_the_tests_of_the_lab_are_not_looked_at() -> None:
    assert not [named for named in named_commands() if "/tests/" in named.place]
