"""Changes a member whose data is gone for a new one with the same address.

Usage: replace-member.py PKI NAME PEER_URL LOST_PEER_URL... Runs on a member that still has its
data. All lost members are removed first, because the others accept a new one only while every
member that they count is connected; then NAME is added. What was done already is left as it is: a
member that never started is new enough. Prints a line for each change.
"""

import json
import subprocess
import sys
import time

# The others must have been connected for five seconds; an election takes a little longer.
PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 2.0


def etcdctl(pki: str, *arguments: str) -> str:
    command = ["/usr/local/bin/etcdctl", "--endpoints=https://127.0.0.1:2379",
               f"--cacert={pki}/ca.crt", f"--cert={pki}/client.crt", f"--key={pki}/client.key",
               *arguments]  # fmt: skip
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        if time.monotonic() > until:
            raise SystemExit(f"etcdctl {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
        time.sleep(PAUSE_SECONDS)


def steps(members: list[dict], name: str, url: str, lost: list[str]) -> list[list[str]]:
    """The arguments of each call that is needed. `members` as etcdctl lists them."""
    listed = {peer: member for member in members for peer in member["peerURLs"]}
    dead = [listed[peer] for peer in lost if peer in listed and listed[peer].get("clientURLs")]
    calls = [["member", "remove", f"{member['ID']:x}"] for member in dead]
    if url not in listed or listed[url] in dead:
        calls.append(["member", "add", name, f"--peer-urls={url}"])
    return calls


def main() -> None:
    pki, name, url, *lost = sys.argv[1:]
    members = json.loads(etcdctl(pki, "member", "list", "--write-out=json"))["members"]
    for call in steps(members, name, url, lost):
        etcdctl(pki, *call)
        sys.stdout.write(f"{' '.join(call[1:])}\n")


if __name__ == "__main__":
    main()
