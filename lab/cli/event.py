"""Changes a resource group in the lab as a person does in Azure, and sends the Event Grid event for
it."""

import json
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import requests

from cli.exits import CommandError, Exit
from lab.control import STATE, LabInfo

TIMEOUT = (5.0, 60.0)
ARM = "https://management.azure.com"
ARM_VERSION = "2025-04-01"
IDENTITY_VERSION = "2019-08-01"
EVENT_GRID = "/runtime/webhooks/eventgrid"
GONE_POLLS = 600


def tag_group(lab: LabInfo, group: str, location: str, tag: str) -> None:
    """Creates the group with the tag, or adds the tag to the existing group."""
    found = _arm(lab, "GET", group)
    body: dict[str, Any] = {"location": location, "tags": {}}
    if found.status_code == 200:
        body = {key: found.json().get(key) or body[key] for key in body}
    body["tags"]["slipway"] = tag
    _need(_arm(lab, "PUT", group, body), f"the group {group} could not be tagged")


def delete_group(lab: LabInfo, group: str) -> None:
    """Deletes the group. Returns when it is gone, because Event Grid sends its event only then."""
    answer = _arm(lab, "DELETE", group)
    if answer.status_code == 404:
        return
    _need(answer, f"the group {group} could not be deleted")
    for _ in range(GONE_POLLS):
        if _arm(lab, "GET", group).status_code == 404:
            return
        time.sleep(1.0)
    raise CommandError(Exit.FAILED, f"the group {group} is still there")


def send(lab: LabInfo, group: str, *, deleted: bool) -> None:
    """Sends one CloudEvents 1.0 event, in the form of Azure's resource group topic."""
    subscription = f"/subscriptions/{lab.info['subscription']}"
    subject = f"{subscription}/resourceGroups/{group}"
    kind, verb = ("Delete", "delete") if deleted else ("Write", "write")
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": subscription,
        "subject": subject,
        "type": f"Microsoft.Resources.Resource{kind}Success",
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "operationName": f"Microsoft.Resources/subscriptions/resourceGroups/{verb}",
            "resourceProvider": "Microsoft.Resources",
            "resourceUri": subject,
            "status": "Succeeded",
            "subscriptionId": lab.info["subscription"],
        },
    }
    with _session() as session:
        answer = session.post(
            lab.url + EVENT_GRID,
            params={"functionName": "on_group_event", "code": lab.info["keys"]["eventGrid"]},
            data=json.dumps(event),
            headers={
                "Content-Type": "application/cloudevents+json",
                "aeg-event-type": "Notification",
            },
            timeout=TIMEOUT,
        )
    _need(answer, "the app did not take the event")


def _arm(
    lab: LabInfo, method: str, group: str, body: dict[str, Any] | None = None
) -> requests.Response:
    secrets = json.loads((STATE / "secrets.json").read_text(encoding="utf-8"))
    with _session() as session:
        token = session.get(
            f"{lab.info['azure']}/identity",
            params={"resource": ARM, "api-version": IDENTITY_VERSION},
            headers={"X-IDENTITY-HEADER": secrets["identityHeader"]},
            timeout=TIMEOUT,
        )
        _need(token, "the lab gave no token for Azure")
        path = f"/subscriptions/{lab.info['subscription']}/resourcegroups/{group}"
        return session.request(
            method,
            lab.info["azure"] + path,
            params={"api-version": ARM_VERSION},
            json=body,
            headers={
                "Authorization": f"Bearer {token.json()['access_token']}",
                "X-Forwarded-Host": "management.azure.com",
            },
            timeout=TIMEOUT,
        )


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # loopback needs no proxy
    return session


def _need(answer: requests.Response, failure: str) -> None:
    """Raises a CommandError that says what failed and why, unless the answer is a success."""
    if not answer.ok:
        raise CommandError(Exit.FAILED, f"{failure}: {_reason(answer)}")


def _reason(answer: requests.Response) -> str:
    """Returns the words of an error in ARM's form or of a problem document, or what its status
    means."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    fields: dict[str, Any] = document if isinstance(document, dict) else {}
    error = fields.get("error")
    if isinstance(error, dict):
        named: dict[str, Any] = error
        return f"{named.get('message', 'Azure says no more')} ({named.get('code', 'no code')})"
    if title := fields.get("title"):
        return str(title)
    meanings = {one.value: one.description or one.phrase for one in HTTPStatus}
    return meanings.get(answer.status_code, "the lab does not say why").lower()
