"""An app that shows what reaches a function: requests are echoed, events are noted."""

import json
import os
import time
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
ROUTE = "route"
ROUTES = (
    ("plain", "plain", ["GET", "POST"], True),
    ("named", "things/{name}", ["GET", "PUT", "DELETE"], True),
    ("named_events", "things/{name}/events", ["GET"], True),
    ("numbered", "things/{name}/Operations/{number}", ["GET"], True),
    ("opened", "open/{name}", ["GET", "PUT"], False),
    ("every", "every", None, False),
    ("unrouted", None, ["GET"], False),
)


def echo(name: str):
    def run(req: func.HttpRequest) -> func.HttpResponse:
        seen = {
            "function": name,
            "method": req.method,
            "url": req.url,
            "headers": dict(req.headers),
            "params": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode("latin-1"),
        }
        return func.HttpResponse(json.dumps(seen), mimetype="application/json")

    run.__name__ = name
    return run


for name, route, methods, keyed in ROUTES:
    level = func.AuthLevel.FUNCTION if keyed else func.AuthLevel.ANONYMOUS
    app.route(route=route, methods=methods, auth_level=level, trigger_arg_name="req")(echo(name))

ANSWERS = {
    "text": lambda: "text",
    "empty": func.HttpResponse,
    "none": lambda: None,
    "dict": lambda: {"a": 1},
    "number": lambda: 7,
    "status": lambda: func.HttpResponse("made", status_code=201, headers={"Location": "/api/x"}),
    "no-content": lambda: func.HttpResponse(status_code=204),
    "not-modified": lambda: func.HttpResponse(status_code=304),
    "type": lambda: func.HttpResponse("x", mimetype="a/b", headers={"Content-Type": "c/d"}),
    "utf8": lambda: func.HttpResponse("é"),
    "bytes": lambda: func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream"),
    "header-utf8": lambda: func.HttpResponse("x", headers={"X-Name": "é"}),
    "header-line": lambda: func.HttpResponse("x", headers={"X-Name": "a\r\nb: c"}),
    "server": lambda: func.HttpResponse("x", headers={"Server": "own", "Date": "never"}),
    "length": lambda: func.HttpResponse("x", headers={"Content-Length": "5"}),
}


@app.route(
    route="answers/{kind}",
    methods=["GET"],
    auth_level=func.AuthLevel.ANONYMOUS,
    trigger_arg_name="req",
)
def answers(req: func.HttpRequest) -> func.HttpResponse:
    kind = req.route_params["kind"]
    if kind == "raises":
        raise RuntimeError("asked to raise")
    return ANSWERS[kind]()


def note(text: str) -> None:
    with Path(os.environ["SAMPLE_NOTES"]).open("a") as file:
        file.write(f"{text}\n")


def on_event(event: func.CloudEvent) -> None:
    note(f"begin {event.id}")
    if event.subject == "raise":
        raise RuntimeError("asked to raise")
    if event.subject == "meet":
        # Ends only if another event of the batch runs meanwhile.
        meeting = Path(os.environ["SAMPLE_NOTES"]).with_name(f"meet-{event.id}")
        other = meeting.with_name({"meet-m1": "meet-m2", "meet-m2": "meet-m1"}[meeting.name])
        meeting.touch()
        for _ in range(200):
            if other.exists():
                break
            time.sleep(0.05)
        else:
            raise RuntimeError("the other event of the batch did not run")
    note(f"end {event.id}")


app.event_grid_trigger(arg_name="event")(on_event)


def gated(context, payload):
    got = yield context.wait_for_external_event("go")
    context.set_custom_status({"got": got})
    if got == "fail":
        raise ValueError("asked to fail")
    return {"got": got, "payload": payload}


app.orchestration_trigger(context_name="context")(gated)


@app.route(route="instances/{id}", methods=["POST"], trigger_arg_name="req")
@app.durable_client_input(client_name="client")
def begin(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    client.schedule_new_orchestration(
        "gated", instance_id=req.route_params["id"], input=req.get_json(), version="1"
    )
    return func.HttpResponse(status_code=202)


@app.route(route="instances/{id}/go", methods=["POST"], trigger_arg_name="req")
@app.durable_client_input(client_name="client")
def go(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    client.raise_orchestration_event(req.route_params["id"], "go", data=req.get_json())
    return func.HttpResponse(status_code=202)
