"""The hub's histories: what the durable backend keeps of ended runs, purged when it is old.

Nothing of Slipway reads them once a run has its result: records, events and results are blobs. The
backend keeps them until somebody purges them.
"""

import logging
import re
from datetime import UTC, datetime, timedelta

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import Refused, type_and_places
from clients.services import services
from clients.store import Store
from clients.time_limit import LEAST_SECONDS, left, time_limit
from cluster.contracts import RunRef
from triggers.engine import DurableEngine, EngineAwayError
from triggers.runs import end_lost

# Once a day, at an hour when few start a cluster; seconds come first (NCRONTAB), the time is UTC.
SCHEDULE = "0 40 3 * * *"
# Of one call, its list included. What is left is purged by the next; both are far below host.json's
# functionTimeout.
MOST = 1000
SECONDS = 120.0
# `cluster.names.instance_id`; others are nobody's runs.
INSTANCE = re.compile(r"(.+)-([0-9]{6,9})")

log = logging.getLogger("slipway.histories")


class PurgeError(Exception):
    """Fails the call. The host logs the text, so it has no words of a service."""


def purge_histories(timer: func.TimerRequest, client: SyncDurableFunctionsClient) -> None:
    """Purges ended instances that were last heard of SLIPWAY_HISTORY_DAYS ago.

    Raises:
        PurgeError: the engine or storage is away, or refuses; the next call goes on.
    """
    del timer
    days = services().settings.history_days
    before = datetime.now(UTC) - timedelta(days=days)
    try:
        purged, kept = purge(DurableEngine(client), services().store, before)
    except EngineAwayError as error:
        raise PurgeError(str(error)) from None
    except Refused as error:
        raise PurgeError(f"a service refused: {error.code} at {error.place}") from None
    except Exception as error:
        raise PurgeError(type_and_places(error)) from None
    log.info("purged %s histories older than %s days; %s are left for the next call",
             purged, days, kept)  # fmt: skip


def purge(
    engine: DurableEngine, store: Store, before: datetime, most: int = MOST
) -> tuple[int, int]:
    """How many were purged, and how many are left for another call.

    A run that the engine ended without a result gets one first: without it and without its history
    its claim would look like one that was never started.
    """
    purged = asked = 0
    with time_limit(SECONDS):
        old = engine.ended_before(before)
        for instance_id in old[:most]:
            if left() < LEAST_SECONDS:
                break
            if match := INSTANCE.fullmatch(instance_id):
                end_lost(engine, store, RunRef(cluster=match[1], generation=int(match[2])))
            purged += engine.purge(instance_id)
            asked += 1
    return purged, len(old) - asked
