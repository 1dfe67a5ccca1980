"""Adds an etcd member that has no data: a new one, or one in place of the member that lost them.

Usage: replace-member.py PKI NAME PEER_URL PEER_URL_WITHOUT_DATA...

Runs on a member that has its data and votes. All members that lost their data are removed first,
because etcd accepts a new member only while every listed member is connected. Then NAME is added as
a learner: it has no vote before it has the data, so the cluster does not depend on it yet. A second
call changes nothing: a member that is listed and never started counts as added. Prints a line for
each change.
"""

import json
import subprocess
import sys
import time

# etcd refuses changes until its members have been connected for five seconds; an election may come
# before that.
TIMEOUT_SECONDS, PAUSE_SECONDS = 60.0, 2.0


def etcdctl(pki: str, *arguments: str) -> str:
    command = ["/usr/local/bin/etcdctl", "--endpoints=https://127.0.0.1:2379",
               f"--cacert={pki}/ca.crt", f"--cert={pki}/client.crt", f"--key={pki}/client.key",
               *arguments]  # fmt: skip
    until = time.monotonic() + TIMEOUT_SECONDS
    while True:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        if time.monotonic() > until:
            raise SystemExit(f"etcdctl {arguments[0]} {arguments[1]} failed: {done.stderr.strip()}")
        time.sleep(PAUSE_SECONDS)


def steps(members: list[dict], name: str, url: str, lost: list[str]) -> list[list[str]]:
    """The arguments of each call of etcdctl that is needed, in order.

    Args:
        members: the members as etcdctl lists them.
        name, url: name and peer URL of the member that is replaced.
        lost: peer URLs of all members without data.
    """
    listed = {peer: member for member in members for peer in member["peerURLs"]}
    # A member that started once has client URLs. Of those that never did, only this one stays: a
    # new member has to know exactly who is listed, and etcd takes one learner at a time.
    gone = [
        listed[peer]
        for peer in lost
        if peer in listed and (listed[peer].get("clientURLs") or peer != url)
    ]
    calls = [["member", "remove", f"{member['ID']:x}"] for member in gone]
    if url not in listed or listed[url] in gone:
        calls.append(["member", "add", name, f"--peer-urls={url}", "--learner"])
    return calls


def main() -> None:
    pki, name, url, *lost = sys.argv[1:]
    members = json.loads(etcdctl(pki, "member", "list", "--write-out=json"))["members"]
    for call in steps(members, name, url, lost):
        etcdctl(pki, *call)
        sys.stdout.write(f"{' '.join(call[1:])}\n")


if __name__ == "__main__":
    main()
