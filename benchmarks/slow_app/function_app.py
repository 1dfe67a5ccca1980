"""Functions that wait until a test or `benchmarks.concurrency` releases them."""

import logging
import os
import time
import uuid
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import when_all

from cluster.access import AppRole
from triggers.app import ConcurrentApp
from triggers.audit import Route

FOLDER = Path(os.environ["SLOW_FOLDER"])
App = df.DFApp if os.environ.get("SLOW_PLAIN") else ConcurrentApp
app = App(http_auth_level=func.AuthLevel.FUNCTION)


def held(kind: str) -> str:
    """Records that the function has started, and waits for the file that releases it."""
    (FOLDER / f"{kind}-{uuid.uuid4()}").touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.02)
    return kind


def slow(payload: dict) -> str:
    return held("activity")


def quick(payload: dict) -> str:
    logging.getLogger("shop").info("served quickly")
    return "quick"


def many(context, payload: dict):
    results = yield when_all([context.call_activity("slow", input={}) for _ in range(payload["n"])])
    return results


def turn(context, payload: dict):
    return payload


def one(context, payload: dict):
    return (yield context.call_activity("quick", input={}))


for orchestrator in (many, turn, one):
    app.orchestration_trigger(context_name="context")(orchestrator)
for activity in (slow, quick):
    app.activity_trigger(input_name="payload")(activity)


def wait(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(held("request"))


# ConcurrentApp registers no HTTP function that does not say which role it needs. Only the host's
# key is checked here, and no audit line is written.
wait.needs = AppRole.READER  # type: ignore[attr-defined]
wait.route = Route()  # type: ignore[attr-defined]

app.route(route="wait", methods=["GET"], trigger_arg_name="req")(wait)
