"""The end of a log that goes into a cause."""

import pytest

from cluster.outcomes import LOG_TAIL_CHARACTERS, MORE, tail
from cluster.play_output import failure_lines


@pytest.mark.parametrize("length", [1, LOG_TAIL_CHARACTERS])
def test_a_short_log_is_kept_whole(length: int) -> None:
    assert tail("x" * length) == "x" * length


def test_a_long_log_begins_with_a_whole_line() -> None:
    lines = [f"line {number} of the log" for number in range(1000)]
    kept = tail("\n".join(lines)).splitlines()
    assert kept == lines[-len(kept) :]
    assert len(kept) > LOG_TAIL_CHARACTERS // 30


@pytest.mark.parametrize("after", ["", "\n\nPLAY RECAP ****\nhost: ok=1 failed=1"])
def test_a_failed_task_of_one_long_line_is_not_left_out(after: str) -> None:
    """Ansible writes a failed result as one line of JSON."""
    log = 'TASK [control_plane : Initialize the cluster] ***\nfatal: [a]: FAILED! => {"stderr": "'
    log += "warning " * 2000 + 'error execution phase preflight"}' + after
    found = tail(failure_lines(log))
    assert found.startswith(f"{MORE}")
    assert len(found) <= LOG_TAIL_CHARACTERS
    assert 'error execution phase preflight"}' in found
