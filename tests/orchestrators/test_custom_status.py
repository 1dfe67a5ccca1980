"""The custom status stays under the extension's limit: 16 KB of UTF-16, else the run fails."""

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from cluster.contracts import PhaseRecord
from cluster.outcomes import MORE, cut_encoded
from orchestrators.reconcile_cluster import PHASES
from orchestrators.run import Run
from orchestrators.state import PlayState, RunState
from tests.orchestrators.backend import Backend

LIMIT = 16 * 1024
TEXTS = st.text(max_size=3000) | st.text(alphabet='äß中\U0001f600\ud800"\\\n', max_size=9000)
TIME = "2026-11-29T16:00:00.000Z"


def size(status: dict[str, Any]) -> int:
    """As the extension counts it: two bytes for each character of the JSON."""
    return 2 * len(json.dumps(status))


@given(TEXTS, TEXTS, TEXTS)
def test_the_status_of_a_thousand_nodes_with_any_texts_fits(
    stage: str, task: str, host: str
) -> None:
    phases = tuple(
        PhaseRecord(name=name, state="cancelled", started_at=TIME, seconds=86_399.9)
        for name in PHASES
    )
    play = PlayState(stage=stage, task=task, host=host)
    state = RunState(
        cluster="c" * 20, generation=999_999, phase="playbook", phases=phases, nodes=1000,
        ready=1000, started_at=TIME, play=play,
    )  # fmt: skip
    assert size(Run(cast(Any, Backend()), state).status()) <= LIMIT


@given(TEXTS, st.integers(6, 2000))
def test_a_text_is_cut_by_its_encoded_size_and_keeps_its_beginning(text: str, limit: int) -> None:
    cut = cut_encoded(text, limit)
    assert len(json.dumps(cut)) - 2 <= limit
    assert cut == text or text.startswith(cut.removesuffix(MORE))
    if len(json.dumps(text)) - 2 <= limit:
        assert cut == text
