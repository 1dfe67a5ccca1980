"""Bounds what a task writes into the play's log; what does not fit is kept in a file beside it."""

import shutil
from pathlib import Path

# Characters of one result, and of all results of one task. The function app reads the log in pieces
# of half a megabyte while the play runs.
RESULT_CHARACTERS, TASK_CHARACTERS = 16_000, 256_000
# Of a result of a task that has used up its share.
SHORT_CHARACTERS = 400
# What stays free on the disk, for events, the result and the system.
FREE_BYTES = 512 * 1024**2


class LongOutput:
    """Cuts long texts of tasks.

    Args:
        whole: the file that gets the whole of each text that was cut; None to keep none.
    """

    def __init__(self, whole: Path | None) -> None:
        self._whole = whole
        self._written = 0

    def begin_task(self) -> None:
        self._written = 0

    def bounded(self, text: str) -> str:
        """The text as it goes into the log: its beginning and its end, if it is too long."""
        left = TASK_CHARACTERS - self._written
        most = RESULT_CHARACTERS if left >= RESULT_CHARACTERS else max(left, SHORT_CHARACTERS)
        if len(text) > most:
            half = most // 2
            note = f"[... {len(text) - 2 * half} characters left out; {self._keep(text)} ...]"
            text = f"{text[:half]}\n{note}\n{text[-half:]}"
        self._written += len(text)
        return text

    def _keep(self, text: str) -> str:
        """Keeps the whole text. Returns where it is, or why it is not kept."""
        if self._whole is None:
            return "not kept"
        try:
            if shutil.disk_usage(self._whole.parent).free < FREE_BYTES + 4 * len(text):
                return "not kept, because the controller's disk is almost full"
            with self._whole.open("a", encoding="utf-8", errors="replace") as file:
                file.write(text + "\n")
        except OSError as error:
            return f"not kept: {error.strerror}"
        return f"all of it is in {self._whole} on the controller"


def remove_of_earlier_runs(runs: Path, name: str) -> None:
    """Removes what earlier runs kept: a run of tomorrow needs the disk too."""
    for file in runs.glob(f"*/{name}"):
        file.unlink(missing_ok=True)
