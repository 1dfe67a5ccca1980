"""Purges the task hub's old histories, which the durable backend keeps of ended runs.

Slipway reads no history of a run that has a result: records, events and results are blobs. The
backend keeps histories until they are purged.
"""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import Refused, Transient, type_and_places
from clients.services import services
from clients.store import Store
from clients.time_limit import left, time_limit
from cluster.contracts import RunRef
from cluster.names import parse_instance_id
from runs.engine import DurableEngine, EngineAwayError
from runs.lifecycle import end_lost

# Once a day in UTC, at an hour when few clusters are started. The first field of NCRONTAB is
# seconds.
SCHEDULE = "0 40 3 * * *"
# The limits of one call, which include the listing. The next call purges the rest. Both are far
# below host.json's functionTimeout.
MOST = 1000
SECONDS = 120.0
# Seconds for one history: the engine has 20 s for one answer (`runs.deadline`), storage less.
ROOM = 25.0

log = logging.getLogger("slipway.histories")


class PurgeError(Exception):
    """Fails the call. The host logs the text, so it quotes no service."""


def purge_histories(timer: func.TimerRequest, client: SyncDurableFunctionsClient) -> None:
    """Purges ended instances whose last update is SLIPWAY_HISTORY_DAYS ago or older.

    Raises:
        PurgeError: the engine or storage is unavailable. The next call continues.
    """
    del timer
    before = datetime.now(UTC) - timedelta(days=services().settings.history_days)
    try:
        purge(DurableEngine(client), services().store, before)
    except EngineAwayError as error:
        raise PurgeError(str(error)) from None
    except Exception as error:
        raise PurgeError(type_and_places(error)) from None


def purge(
    engine: DurableEngine, store: Store, before: datetime, most: int = MOST
) -> tuple[int, int]:
    """Returns how many histories were purged, and how many are left for another call.

    A history that cannot be purged, for example because its run's record is unreadable, is logged
    and left. The others are purged nevertheless.
    """
    purged = done = 0
    old: list[str] = []
    with time_limit(SECONDS):
        try:
            old = engine.ended_before(before)
            for instance_id in old[:most]:
                if left() < ROOM:
                    break
                try:
                    purged += _purge(engine, store, instance_id)
                except Transient:
                    raise
                except Exception as error:
                    _log_left(instance_id, error)
                else:
                    done += 1
        finally:
            log.info("purged %s histories that were last heard of before %s; %s are left",
                     purged, before.date(), len(old) - done)  # fmt: skip
    return purged, len(old) - done


def _purge(engine: DurableEngine, store: Store, instance_id: str) -> bool:
    """Purges one history. Returns whether it existed.

    A run that the engine ended without a result gets a result first. Without a result and without a
    history, its claim would look like one that was never started.
    """
    try:
        cluster, generation = parse_instance_id(instance_id)
    except ValueError:
        pass  # an instance that is not a run of Slipway
    else:
        end_lost(engine, store, RunRef(cluster=cluster, generation=generation))
    return engine.purge(instance_id)


def _log_left(instance_id: str, error: Exception) -> None:
    """Logs a history that was left. The error's own text is omitted: it may quote a service or a
    document."""
    refused = isinstance(error, Refused)
    why = f"{error.code} at {error.place}" if refused else type_and_places(error)
    log.error("the history of %s is not purged: %s", instance_id, why)
