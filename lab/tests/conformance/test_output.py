"""What ginkgo prints, in parallel and one after another, is read as the results of specs."""

import pytest

from lab.conformance.output import Ended, Output
from lab.conformance.results import State

LINE = "-" * 30
NAME = "[sig-network] Services should serve a basic endpoint from pods [Conformance]"
LONGER = f"{NAME} and more"


def read(text: str, *names: str) -> list[Ended]:
    output = Output(names or (NAME, LONGER))
    return [found for line in text.splitlines() if (found := output.read(line))]


def test_specs_in_parallel_are_read_when_they_end() -> None:
    text = f"""
[SynchronizedBeforeSuite] PASSED [5.012 seconds]
[SynchronizedBeforeSuite]
k8s.io/kubernetes/test/e2e/e2e.go:77
{LINE}
• [12.345 seconds]
{NAME} [sig-network, Conformance]
k8s.io/kubernetes/test/e2e/network/service.go:779

  Timeline >>
  • [FAILED] [1.000 seconds]
{LINE}
• [3.000 seconds]
{LONGER} [sig-network]
{LINE}
"""
    assert read(text) == [
        Ended(NAME, State.PASSED, 12.345),
        Ended(LONGER, State.PASSED, 3.0),
    ]


def test_specs_one_after_another_are_read_by_the_name_that_came_before() -> None:
    text = f"""
{LINE}
{NAME} [sig-network, Conformance]
k8s.io/kubernetes/test/e2e/network/service.go:779
  STEP: Creating a kubernetes client @ 11/30/26 02:14:10.613
• [2.500 seconds]
{LINE}
{LONGER} [sig-network]
  STEP: something
  [FAILED] in [It] - service.go:99
• [FAILED] [61.200 seconds]
[sig-network] Services [It] should serve a basic endpoint from pods [Conformance] and more
{LINE}
"""
    assert read(text) == [Ended(NAME, State.PASSED, 2.5), Ended(LONGER, State.FAILED, 61.2)]


@pytest.mark.parametrize(
    "shown",
    [
        "[sig-network] Services [It] should serve a basic endpoint from pods [Conformance] [x]",
        "[sig-network] Services [BeforeEach] should serve a basic endpoint from pods [Conformance]",
        "[sig-network] Services [DeferCleanup (Each)] should serve a basic endpoint from pods "
        "[Conformance]",
        f"TOP-LEVEL [AfterEach] {NAME}",
    ],
)
def test_a_failure_is_known_wherever_in_the_spec_it_happened(shown: str) -> None:
    text = f"{LINE}\n• [FAILED] [1.000 seconds]\n{shown}\n"
    assert read(text) == [Ended(NAME, State.FAILED, 1.0)]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("• [PANICKED!]", State.FAILED),
        ("• [TIMEDOUT]", State.FAILED),
        ("• [INTERRUPTED]", State.NOT_RUN),
        ("S [SKIPPED]", State.SKIPPED),
    ],
)
def test_each_end_of_a_spec_has_its_state(word: str, state: State) -> None:
    assert read(f"{LINE}\n{word} [0.100 seconds]\n{NAME}\n") == [Ended(NAME, state, 0.1)]


def test_specs_of_others_and_setup_are_not_results() -> None:
    text = f"{LINE}\n• [1.000 seconds]\n[sig-node] Pods should run\n{LINE}\n• [2.000 seconds]\n"
    assert read(text) == []
