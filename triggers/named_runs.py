"""The run that a request is about."""

import azure.functions as func

from cluster.contracts import RunRef
from cluster.record import ClusterRecord
from triggers.access import check_run
from triggers.parameters import has, number
from triggers.requests import known_run


def named_run(req: func.HttpRequest, record: ClusterRecord) -> RunRef:
    """Returns the run that the request names, or else the latest.

    Run 0 has the events about the tag of the cluster's resource group.
    """
    generation = number(req, "generation") if has(req, "generation") else record.generation
    check_run(record, generation)
    if generation in (0, record.generation):
        return RunRef(cluster=record.name, generation=generation)
    return known_run(record, generation)
