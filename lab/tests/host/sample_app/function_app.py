"""A small durable app: what the lab's host must be able to run."""

import os
import time
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import RetryPolicy, when_all, when_any

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(payload: dict) -> str:
    """One line a side effect, so that a test can count executions."""
    with Path(os.environ["SAMPLE_NOTES"]).open("a") as file:
        file.write(f"{payload['text']}\n")
    if payload["text"].startswith("fail"):
        raise RuntimeError("asked to fail")
    return payload["text"].upper()


def fan_out(context, payload: dict):
    tasks = [context.call_activity("note", input={"text": f"n{i}"}) for i in range(payload["n"])]
    results = yield when_all(tasks)
    return sorted(results)


def sturdy(context, payload: dict):
    """Repeats what is lost with a worker."""
    policy = RetryPolicy(first_retry_interval=timedelta(seconds=2), max_number_of_attempts=3)
    yield when_all(
        [
            context.call_activity("note", input={"text": f"n{i}"}, retry_policy=policy)
            for i in range(payload["n"])
        ]
    )
    return list(range(payload["n"]))


def waiting(context, payload: dict):
    timer = context.create_timer(timedelta(seconds=payload["seconds"]))
    event = context.wait_for_external_event("go")
    yield when_any([timer, event])
    return event.get_result() if event.is_complete else "timeout"


def counting(context, payload: dict):
    yield context.call_activity("note", input={"text": f"c{payload['n']}"})
    context.set_custom_status({"n": payload["n"]})
    if payload["n"] < 3:
        context.continue_as_new({"n": payload["n"] + 1})
        return None
    child = yield context.call_sub_orchestrator("fan_out", input={"n": 2})
    return child


def failing(context, payload: dict):
    yield context.call_activity("note", input={"text": "fail"})


def holding(context, payload: dict):
    """Its second turn, and each repetition of that, is noted and lasts as long as there is a file
    `hold` beside the notes."""
    yield context.call_activity("note", input={"text": "before"})
    notes = Path(os.environ["SAMPLE_NOTES"])
    with notes.open("a") as file:
        file.write("turn\n")
    while notes.with_name("hold").exists():
        time.sleep(0.05)
    return (yield context.call_activity("note", input={"text": "after"}))


for orchestrator in (fan_out, sturdy, waiting, counting, failing, holding):
    app.orchestration_trigger(context_name="context")(orchestrator)
app.activity_trigger(input_name="payload")(note)


def begin(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    name = req.route_params["name"]
    instance = client.schedule_new_orchestration(name, input=req.get_json())
    return func.HttpResponse(instance, status_code=202)


app.route(route="begin/{name}", methods=["POST"], trigger_arg_name="req")(
    app.durable_client_input(client_name="client")(begin)
)


def on_event(event: func.CloudEvent) -> None:
    if event.subject == "fail":
        raise RuntimeError("asked to fail")
    note({"text": f"event {event.id}"})


app.event_grid_trigger(arg_name="event")(on_event)


def on_timer(timer: func.TimerRequest) -> None:
    note({"text": f"timer, {'late' if timer.past_due else 'in time'}"})


app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")(on_timer)
