"""Gives etcd members a vote that joined without one and have the data of the others by now.

Usage: promote-learners.py PKI ENDPOINT...

Prints a line for each member that it promoted. A learner that was added and has not started is left
as it is. A second call finds nothing to promote.
"""

import json
import subprocess
import sys
import time

# An election may come first; a new member of a large cluster gets a few gigabytes first.
LIST_SECONDS, PROMOTE_SECONDS, PAUSE_SECONDS = 60.0, 600.0, 2.0


def etcdctl(pki: str, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["/usr/local/bin/etcdctl", f"--endpoints={endpoint}", f"--cacert={pki}/ca.crt",
               f"--cert={pki}/client.crt", f"--key={pki}/client.key", *arguments]  # fmt: skip
    return subprocess.run(command, check=False, capture_output=True, text=True)


def list_members(pki: str, endpoints: list[str]) -> list[dict]:
    """Returns the members, from the first one that answers. A learner does not."""
    until = time.monotonic() + LIST_SECONDS
    while True:
        for endpoint in endpoints:
            done = etcdctl(pki, endpoint, "member", "list", "--write-out=json")
            if done.returncode == 0:
                return json.loads(done.stdout)["members"]
        if time.monotonic() > until:
            raise SystemExit(f"etcdctl member list failed: {done.stderr.strip()}")
        time.sleep(PAUSE_SECONDS)


def learners(members: list[dict]) -> list[dict]:
    """Returns the learners that have started: they have client URLs."""
    return [one for one in members if one.get("isLearner") and one.get("clientURLs")]


def voters(members: list[dict]) -> list[str]:
    """Returns an endpoint of each member that votes. A learner answers no such request."""
    return [one["clientURLs"][0] for one in members
            if not one.get("isLearner") and one.get("clientURLs")]  # fmt: skip


def promote(pki: str, members: list[dict], learner: dict) -> None:
    """Waits until the learner has the data, and gives it a vote."""
    until = time.monotonic() + PROMOTE_SECONDS
    endpoints = voters(members)
    while True:
        done = etcdctl(pki, ",".join(endpoints), "member", "promote", f"{learner['ID']:x}")
        if done.returncode == 0:
            return
        # An attempt whose answer was lost may have promoted it.
        now = {one["ID"]: one for one in list_members(pki, endpoints)}
        if learner["ID"] in now and not now[learner["ID"]].get("isLearner"):
            return
        if time.monotonic() > until:
            raise SystemExit(f"etcdctl member promote failed: {done.stderr.strip()}")
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    pki, *endpoints = sys.argv[1:]
    members = list_members(pki, endpoints)
    for learner in learners(members):
        promote(pki, members, learner)
        sys.stdout.write(f"{learner.get('name', '')}\n")


if __name__ == "__main__":
    main()
