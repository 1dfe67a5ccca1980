"""Copies the rest of a play's log from the controller to the run's log blob."""

import base64
from typing import Any, Protocol

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.services import services
from cluster import names
from cluster.contracts import PlayInput

# The log goes directly to blob storage and must fit into the output of one command.
LOG_BYTES = 500_000
SOON = 1.0


class Ask(Protocol):
    def __call__(self, arguments: list[str]) -> dict[str, Any]:
        """Runs the bundle's program on the controller and returns its answer."""
        ...


def log_blob(ref: PlayInput) -> str:
    return names.run_blob(ref.cluster, ref.generation, f"play-{ref.attempt}.log")


def keep_rest_of_log(ref: PlayInput, ask: Ask) -> None:
    """Appends what the play wrote since the last poll. Nobody polls a play that was stopped.

    The blob's size is the position up to which the log was read, so a repeat appends nothing twice.

    Raises:
        Transient: the controller or storage does not answer, or another execution appended at the
            same time.
    """
    run_id = names.play_run_id(ref.cluster, ref.generation, ref.attempt)
    blobs, blob = services().store.blobs, log_blob(ref)
    more = True
    while more:
        position = blobs.size(blob)
        arguments = ["poll", "--run", run_id, "--events", "0", "--limit", "1"]
        arguments += ["--log", str(position), "--log-limit", str(LOG_BYTES)]
        answer = ask(arguments)
        piece = base64.b64decode(answer.get("log") or "")
        try:
            if piece:
                blobs.append_at(blob, position, piece)
        except Conflict as error:
            raise Transient(str(error), SOON) from None
        more = len(piece) == LOG_BYTES
