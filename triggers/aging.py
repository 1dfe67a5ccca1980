"""Removes old records and files once a day (`runs.aging`)."""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import Refused, type_and_places
from clients.services import services
from clients.time_limit import time_limit
from cluster.ownership import value_of
from cluster.profiles import TAG
from runs.aging import remove_old
from runs.engine import DurableEngine, EngineAwayError

# Once a day in UTC, after the histories were purged. The first field of NCRONTAB is seconds.
SCHEDULE = "0 10 4 * * *"
# The limit of one call. The next call continues. It is far below host.json's functionTimeout.
SECONDS = 240.0

log = logging.getLogger("slipway.aging")


class AgingError(Exception):
    """Fails the call. The host logs the text, so it quotes no service."""


def remove_old_records(timer: func.TimerRequest, client: SyncDurableFunctionsClient) -> None:
    """Removes records of removed clusters, and files of ended runs, that were last written
    SLIPWAY_RECORD_DAYS ago or earlier.

    Raises:
        AgingError: the engine or storage is unavailable. The next call continues.
    """
    del timer
    now = datetime.now(UTC)
    before = now - timedelta(days=services().settings.record_days)
    try:
        with time_limit(SECONDS):
            aged = remove_old(
                services().store,
                DurableEngine(client),
                before,
                _is_tagged,
                first=now.toordinal(),
            )
            sessions = services().store.delete_ended_page_sessions(now)
    except EngineAwayError as error:
        raise AgingError(str(error)) from None
    except Exception as error:
        raise AgingError(type_and_places(error)) from None
    log.info(
        "removed %s records of clusters and the files of %s operations from before %s, and %s "
        "ended sessions of the page; indexed %s; %s",
        aged.records, aged.runs, before.date(), sessions, aged.summaries,
        "complete" if aged.complete else "the rest is for the next call")  # fmt: skip


def _is_tagged(group: str) -> bool:
    """Returns whether the group has the tag that starts a cluster. A group that the app may not
    read counts as tagged: its record is kept."""
    try:
        found = services().groups.get(group)
    except Refused:
        return True
    return found is not None and bool(value_of(found.tags, TAG))
