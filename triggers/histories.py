"""The hub's histories: what the durable backend keeps of ended runs, purged when it is old.

Nothing of Slipway reads them once a run has its result: records, events and results are blobs. The
backend keeps them until somebody purges them.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from triggers.engine import DurableEngine

# Once a day, at an hour when few start a cluster; seconds come first (NCRONTAB), the time is UTC.
SCHEDULE = "0 40 3 * * *"
# Of one call. What is left is purged by the next; both are far below host.json's functionTimeout.
MOST = 1000
SECONDS = 120.0

log = logging.getLogger("slipway.histories")


def purge_histories(timer: func.TimerRequest, client: SyncDurableFunctionsClient) -> None:
    """Purges ended instances that were last heard of SLIPWAY_HISTORY_DAYS ago.

    Raises:
        EngineAwayError: the next call goes on.
    """
    del timer
    days = services().settings.history_days
    purged, left = purge(DurableEngine(client), datetime.now(UTC) - timedelta(days=days))
    log.info("purged %s histories older than %s days; %s are left for the next call",
             purged, days, left)  # fmt: skip


def purge(engine: DurableEngine, before: datetime, most: int = MOST) -> tuple[int, int]:
    """How many were purged, and how many are left for another call."""
    old = engine.ended_before(before)
    until = time.monotonic() + SECONDS
    purged = asked = 0
    for instance_id in old[:most]:
        if time.monotonic() > until:
            break
        purged += engine.purge(instance_id)
        asked += 1
    return purged, len(old) - asked
