"""The HTTP API's way out of a record that no version can read."""

from http import HTTPStatus

import azure.functions as func

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.record_store import ReadableRecordError
from clients.services import services
from cluster.access import AppRole
from cluster.api_requests import FieldFault, RecordForgotten
from triggers.endpoint import endpoint
from triggers.parameters import text
from triggers.problems import ProblemError
from triggers.requests import cluster_name, not_found, reply


@endpoint("confirm", needs=AppRole.ADMINISTRATOR)
def post_forget(req: func.HttpRequest) -> func.HttpResponse:
    """Moves an unreadable record out of the way. `?confirm=` has to repeat the cluster's name.

    Nothing in Azure is changed: the cluster's resources and secrets stay, and nothing knows them
    any more. The record's copy is kept in the container.
    """
    name = cluster_name(req)
    if text(req, "confirm") != name:
        fault = FieldFault(
            path="confirm",
            message="does not repeat the cluster's name",
            allowed=f"{name}: the record is moved, and Slipway no longer knows what it created",
        )
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not confirmed", faults=[fault])
    try:
        copy = services().store.forget_record(name)
    except ReadableRecordError:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "the record can be read",
            "only a record that cannot be read is forgotten; DELETE removes the cluster",
        ) from None
    except Conflict as error:
        raise Transient(str(error), 1.0) from None
    if copy is None:
        raise not_found(name)
    return reply(RecordForgotten(name=name, copied_to=copy))
