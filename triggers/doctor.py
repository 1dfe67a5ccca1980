"""The installation examined from inside, and the way from it to one cluster's controller."""

import os
import re
from functools import partial
from http import HTTPStatus
from typing import Any

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.examination import NOBODY, UNNAMED_APP, Check, Place, checks, run_checks
from clients.services import services
from clients.settings import SettingsError
from clients.versions import versions
from clients.way import controller_way
from cluster import names
from cluster.findings import Finding, is_well
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from triggers.doctor_events import group_events
from triggers.engine import DurableEngine
from triggers.problems import ProblemError, with_problems
from triggers.requests import reply

NEW = ClusterRecord(name=NOBODY, uid="00000000", generation=1)
REDO = "publish the package again (docs/install.md, step 2), and look at the app's log stream"


@with_problems
def get_doctor(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with the findings, whatever they are: that the app could look is the request's success.

    `location` and `group`: where a cluster would be (default: the spec's own). `cluster`: whose
    controller to try.
    """
    place = _place(req)
    try:
        settings = services().settings
    except SettingsError as error:
        mend = f"az functionapp config appsettings list -g {place.group} -n {place.app}"
        wrong = Finding(name="settings", state="failed", seen=str(error), mend=mend)
        return _reply([wrong, *run_checks({"versions": Check(versions, REDO)})])
    seen = f"all are there; subscription {settings.subscription_id}"
    plan = make_plan(parse_spec(_smallest(req)), NEW, [])
    engine = DurableEngine(client)
    wanted = {
        "settings": Check(lambda: Finding(name="settings", state="ok", seen=seen), REDO),
        "versions": Check(versions, REDO),
        "engine": Check(partial(_engine, engine), REDO),
        **checks(services(), plan, place),
        "controller": _controller(req),
        "events": Check(partial(group_events, services(), place), place.redeploy),
    }
    return _reply(run_checks(wanted))


def _reply(findings: list[Finding]) -> func.HttpResponse:
    return reply(
        {"well": is_well(findings), "findings": [finding.model_dump() for finding in findings]}
    )


def _engine(engine: DurableEngine) -> Finding:
    """An instance that nobody started is asked for: the backend says that it is not there."""
    engine.status(NOBODY)
    return Finding(name="engine", state="ok", seen="the durable backend answers")


def _controller(req: func.HttpRequest) -> Check:
    name = req.params.get("cluster", "")
    if name and not re.fullmatch(names.CLUSTER_NAME, name):
        fault = {
            "path": "cluster",
            "message": "cannot be a cluster's name",
            "allowed": names.CLUSTER_NAME_RULE,
        }
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not a cluster's name", faults=[fault])
    mend = f"./slipway apply with the spec of {name}: what is not as planned is made anew"
    return Check(partial(_way, name), mend)


def _way(name: str) -> Finding:
    found = services().store.record(name) if name else None
    if found:
        return controller_way(services(), found[0])
    seen = f"no cluster '{name}'" if name else "name a cluster, and its controller is tried"
    return Finding(name="controller", state="notChecked", seen=seen)


def _smallest(req: func.HttpRequest) -> dict[str, Any]:
    """Of everything that a spec asks for, one; of the sizes, the defaults."""
    spec: dict[str, Any] = {
        "name": NOBODY,
        "etcd": {"count": 1},
        "workers": [{"name": "worker", "count": 1}],
    }
    for field, parameter in (("location", "location"), ("resourceGroup", "group")):
        if req.params.get(parameter):
            spec[field] = req.params[parameter]
    return spec


def _place(req: func.HttpRequest) -> Place:
    """Names that the platform gives its apps."""
    return Place(
        app=os.environ.get("WEBSITE_SITE_NAME", UNNAMED_APP),
        group=os.environ.get("WEBSITE_RESOURCE_GROUP", "GROUP"),
        location=req.params.get("location", "LOCATION"),
    )
