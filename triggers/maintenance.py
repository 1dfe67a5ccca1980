"""Maintains clusters: on request, and all that are due by a timer (`runs.maintenance`)."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.errors import type_and_places
from clients.services import services
from clients.time_limit import time_limit
from cluster.access import AppRole
from runs.backup_claims import NotMaintainableError, claim_maintenance
from runs.engine import EngineAwayError
from runs.maintenance import start_due
from triggers.access import current
from triggers.clusters import accepted, claim_context
from triggers.endpoint import endpoint
from triggers.problems import ProblemError
from triggers.requests import cluster_name, not_found

# Every ten minutes. The first field of NCRONTAB is seconds: other timers begin at full minutes.
SCHEDULE = "20 */10 * * * *"
# The limit of one call, far below host.json's functionTimeout. The next call continues.
SECONDS = 240.0

log = logging.getLogger("slipway.maintenance")


class MaintenanceError(Exception):
    """Fails the timer's call. The host logs the text, so it quotes no service."""


@endpoint(needs=AppRole.OPERATOR)
def post_maintenance(
    req: func.HttpRequest, client: SyncDurableFunctionsClient
) -> func.HttpResponse:
    """Starts a maintenance, or joins the one that runs."""
    name = cluster_name(req)
    try:
        claim = claim_maintenance(claim_context(client), name, current().name)
    except NotMaintainableError as error:
        title = f"cluster '{name}' is {error.state}"
        text = "only a cluster that is ready or degraded is maintained; send its spec first"
        raise ProblemError(HTTPStatus.CONFLICT, title, text) from None
    if claim is None:
        raise not_found(name)
    return accepted(claim)


def maintain_clusters(timer: func.TimerRequest, client: SyncDurableFunctionsClient) -> None:
    """Starts the maintenance of the clusters that are due.

    Raises:
        MaintenanceError: the engine or storage is unavailable. The next call continues.
    """
    del timer
    settings = services().settings
    try:
        with time_limit(SECONDS):
            done = start_due(
                claim_context(client),
                datetime.now(UTC),
                days=settings.maintenance_days,
                at_once=settings.maintenance_at_once,
            )
    except EngineAwayError as error:
        raise MaintenanceError(str(error)) from None
    except Exception as error:
        raise MaintenanceError(type_and_places(error)) from None
    for name, why in done.skipped.items():
        log.info("%s is due for maintenance or repair and was skipped: %s", name, why)
    log.info("started %s maintenances and %s repairs; %s maintenances ran before, %s more are due",
             len(done.started), len(done.repaired), done.running, done.waiting)  # fmt: skip
