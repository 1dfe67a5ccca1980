"""The output of an operation's plays, as Ansible wrote it, in parts."""

import re
from http import HTTPStatus

import azure.functions as func

from clients.services import services
from cluster import names
from cluster.access import AppRole
from cluster.api_history import PlayLog
from cluster.api_requests import FieldFault
from cluster.contracts import RunRef
from cluster.presentable import without_secrets
from triggers.endpoint import endpoint
from triggers.named_runs import named_run
from triggers.parameters import has, number
from triggers.problems import ProblemError
from triggers.requests import cluster_name, known_record, reply

# The bytes of one answer.
PART = 256 * 1024
# Bytes of UTF-8: below the first number stand the characters of one byte.
FURTHER, FIRST_OF_SEVERAL, FIRST_OF_THREE, FIRST_OF_FOUR = 0x80, 0xC0, 0xE0, 0xF0
LONGEST_CHARACTER = 4
PLAY_FILE = re.compile(r"play-([1-9][0-9]*)\.log")


@endpoint("generation", "play", "after", needs=AppRole.READER)
def get_log(req: func.HttpRequest) -> func.HttpResponse:
    """Returns what a play wrote after a position. Without `play` it is the operation's last one."""
    ref = named_run(req, known_record(cluster_name(req)))
    plays = _plays(ref)
    play = number(req, "play") if has(req, "play") else max(plays, default=0)
    if play and play not in plays:
        known = ", ".join(map(str, plays)) or "none"
        fault = FieldFault(path="play", message="is not a play of the operation", allowed=known)
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such play", faults=[fault])
    after = number(req, "after")
    text, end, more = _part(ref, play, after) if play else ("", after, False)
    return reply(
        PlayLog(
            name=ref.cluster,
            generation=ref.generation,
            play=play,
            plays=plays,
            # Tasks that handle secrets are hidden by Ansible. This is for what they forget.
            text=without_secrets(text),
            next=end,
            more=more,
        )
    )


def _plays(ref: RunRef) -> tuple[int, ...]:
    folder = names.run_blob(ref.cluster, ref.generation, "")
    files = (name.removeprefix(folder) for name in services().store.blobs.list(f"{folder}play-"))
    return tuple(sorted(int(found[1]) for file in files if (found := PLAY_FILE.fullmatch(file))))


def _part(ref: RunRef, play: int, after: int) -> tuple[str, int, bool]:
    """Returns text from a position, the position behind it, and whether there is more.

    Unless the log ends there, the text ends with a whole line if it has one. It never ends within a
    character: the rest may not be in the log yet.
    """
    blob = names.run_blob(ref.cluster, ref.generation, f"play-{play}.log")
    found = services().store.blobs.read_range(blob, after, PART + 1)
    more = len(found) > PART
    part = found[:PART]
    if more:
        part = part[: part.rfind(b"\n") + 1] or part
    part = part[: len(part) - _cut_character(part)]
    return part.decode(errors="replace"), after + len(part), more


def _cut_character(part: bytes) -> int:
    """Returns how many bytes at the end begin a character of which some are missing."""
    for count in range(1, min(LONGEST_CHARACTER, len(part) + 1)):
        byte = part[-count]
        if byte >= FIRST_OF_SEVERAL:
            length = 2 if byte < FIRST_OF_THREE else 3 if byte < FIRST_OF_FOUR else 4
            return count if length > count else 0
        if byte < FURTHER:
            return 0
    return 0
