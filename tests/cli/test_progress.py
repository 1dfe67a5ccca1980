"""The live display of a run: what it shows of the API's answers, one after the other."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.progress import LiveView, picture
from cluster.api import ClusterDetail


def answer(percent: int | None, generation: int = 1, state: str = "running") -> ClusterDetail:
    document: dict[str, Any] = {"name": "shop", "state": state, "generation": generation}
    return ClusterDetail.model_validate(document | {"percent": percent})


def titles(*answers: ClusterDetail) -> list[str]:
    """Returns the first line of the display after each answer."""
    console = Console(file=io.StringIO(), width=80)
    view = LiveView(console)
    shown: list[str] = []
    for one in answers:
        view.show(one)
        with console.capture() as captured:
            console.print(view.picture())
        shown.append(captured.get().splitlines()[0].strip())
    return shown


def test_an_unknown_percent_leaves_the_last_one_of_the_run() -> None:
    assert titles(answer(40), answer(None), answer(None), answer(41), answer(None)) == [
        "shop  running  40 %",
        "shop  running  40 %",
        "shop  running  40 %",
        "shop  running  41 %",
        "shop  running  41 %",
    ]


def test_a_percent_that_was_never_known_is_not_shown() -> None:
    assert titles(answer(None), answer(0)) == ["shop  running", "shop  running  0 %"]


def test_another_run_does_not_begin_with_the_percent_of_the_last_one() -> None:
    assert titles(answer(40), answer(None, 2)) == ["shop  running  40 %", "shop  running"]


@pytest.mark.parametrize("state", ["ready", "failed", "cancelled"])
def test_the_percent_is_shown_only_while_a_run_goes_on(state: str) -> None:
    assert titles(answer(40), answer(40, state=state))[-1] == f"shop  {state}"


def test_before_the_first_answer_the_display_says_so() -> None:
    assert "waiting for the first answer" in str(picture(None))


def test_an_answer_of_an_app_without_a_percent_is_read() -> None:
    document = {"name": "shop", "state": "running", "generation": 1}
    assert ClusterDetail.model_validate(document).percent is None
