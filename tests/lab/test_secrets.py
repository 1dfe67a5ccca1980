"""Secrets are only in the places where they belong, and the search for them finds known ones."""

import base64
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from clients.azure.vault import Vault
from tests.lab.conftest import SPEC, STATE, Lab
from tests.lab.secret_forms import add
from tests.lab.secret_places import Arguments, Finding, machines, search
from tests.lab.secret_rules import PERMITTED, known, permitted, unused

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]

CANARY = "canary"
WEBHOOK = "team-webhook"


@dataclass
class Searched:
    found: set[Finding]
    canary: set[Finding]


@pytest.fixture(scope="module")
def searched(lab: Lab) -> Searched:
    """A run with known secrets, a canary in each place, and one search for all of them."""
    vault = Vault(lab.settings())
    token = secrets.token_urlsafe(32)
    vault.set_if_absent(WEBHOOK, f"{lab.info.info['azure']}/services/T0/B0/{token}", {})
    canary = secrets.token_urlsafe(33)
    spec = SPEC | {"controller": {"keep": True}, "slack": {"secret": WEBHOOK}}
    with Arguments().watching() as arguments:
        answer = lab.apply(spec | {"tags": {"note": canary}})
        assert answer.status_code == 200, answer.text
        with planted(lab, canary):
            arguments.look()
            forms = known(lab)
            add(forms, CANARY, canary.encode())
            found = search(lab, {"first": 1, "bird": 1}, arguments, forms)
    return Searched(
        {finding for finding in found if finding.secret != CANARY},
        {finding for finding in found if finding.secret == CANARY},
    )


class planted:  # noqa: N801 -- used as a context
    """The canary in each place: through the API where there is a way, by hand elsewhere."""

    def __init__(self, lab: Lab, canary: str) -> None:
        self._lab, self._canary = lab, canary

    def __enter__(self) -> None:
        self._cancelled_run()
        # A service's log and a machine's console are files that others write to.
        for log in (*(STATE / "logs").glob("*.log"), *(STATE / "machines").glob("*/console.log")):
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{self._canary}\n")
        text = self._canary
        forms = [base64.b64encode(b"x" * n + text.encode()).decode() for n in range(3)]
        forms.append(text.encode().hex())
        for machine in machines():
            script = (
                f"logger {text}; echo {text} | tee /run/note /tmp/note /root/note /dev/shm/note"
            )
            script += "".join(f"; echo {form} > /root/note-{n}" for n, form in enumerate(forms))
            script += f"; echo {text} > /var/lib/containerd/note"
            script += f"; test ! -d /var/lib/etcd || echo {text} > /var/lib/etcd/note; sync"
            assert self._lab.in_machine(machine.spec.hostname, f"({script}) >/dev/null") == 0
        wait = "import time; time.sleep(300)"
        self._process = subprocess.Popen([sys.executable, "-c", wait, text])

    def _cancelled_run(self) -> None:
        """Who cancels is written into history, events, Slack, the record and the result."""
        wanted = {
            "name": "bird",
            "network": {
                "vnetCidr": "10.92.0.0/16",
                "subnets": {
                    "controller": "10.92.0.0/24",
                    "controlPlane": "10.92.1.0/24",
                    "etcd": "10.92.2.0/24",
                },
            },
            "workers": [],
        }
        accepted = self._lab.call("PUT", "/api/clusters/bird", wanted)
        info = self._lab.info
        holder = {"name": self._canary, "roles": ["Operator"]}
        issued = requests.post(
            f"{info.info['azure']}/_lab/tokens",
            json=holder,
            headers={"X-IDENTITY-HEADER": info.info["identityHeader"]},
            timeout=30,
        )
        requests.post(
            f"{info.url}/api/clusters/bird/cancel",
            headers={
                "x-functions-key": info.key,
                "Authorization": f"Bearer {issued.json()['access_token']}",
            },
            timeout=30,
        ).raise_for_status()
        assert self._lab.follow(accepted.headers["Location"]).status_code == 409

    def __exit__(self, *_: Any) -> None:
        self._process.kill()
        self._process.wait()


def test_no_secret_is_where_it_is_not_permitted(searched: Searched) -> None:
    found = searched.found
    assert sorted(finding for finding in found if not permitted(finding, PERMITTED)) == []


def test_the_search_finds_the_secrets_that_are_permitted(searched: Searched) -> None:
    assert unused(searched.found, PERMITTED) == []
    names = {finding.secret for finding in searched.found}
    assert {"ssh-key", "ca-etcd", WEBHOOK, "lab: function", "lab: account"} <= names


def test_the_canary_is_found_in_every_place(searched: Searched) -> None:
    places = {finding.place for finding in searched.canary}
    everywhere = [
        r"api/history/bird-000001\.json",
        r"api/clusters/bird\.json",
        r"api/clusters/bird/events\.json",
        r"api/clusters/first\.json",
        r"arguments",
        r"arm\.json",
        r"blobs/.+",
        r"slack\.jsonl",
        *(rf"logs/{log}\.log" for log in ("azure", "azurite", "host", "worker")),
    ]
    for machine in machines():
        name = machine.spec.hostname
        up = rf"machines/.+--{name}"
        everywhere += [rf"journal/{name}", rf"{up}/up/root/note", rf"{up}/console\.log"]
        everywhere += [rf"{up}/up/root/note-{form}" for form in range(4)]
        everywhere += [rf"{up}/vol/containerd/note"]
        everywhere += [rf"memory/{name}/(run|dev/shm)/note"]
    everywhere.append(r"data/first-etcd-0-lun0")
    missed = [wanted for wanted in everywhere if not any(re.fullmatch(wanted, p) for p in places)]
    assert missed == []
