"""Ends etcd's alarm for a full database, if there is room again.

Usage: end-space-alarm.py PKI QUOTA ENDPOINT...

Runs on one member. QUOTA is in bytes and the same on every member. When a database reaches its
quota, etcd refuses writes until the alarm is disarmed, also if the quota has grown meanwhile. A
database with free pages is defragmented first, one member after the other, the leader last. Prints
a line for each change. If a database is full of data, exits with a message that says so. etcdctl
disarms every alarm at once: with another alarm, exits and changes nothing.
"""

import json
import re
import subprocess
import sys
import time
from typing import Any

# The alarm would come back at once if it were disarmed nearer to the quota.
FULL_PERCENT = 95
# A member answers nothing while it defragments; 8 GiB take minutes on a slow disk.
SECONDS, DEFRAGMENT_SECONDS = 60, 900
HEALTH_TRIES, HEALTH_PAUSE = 12, 5


def etcdctl(pki: str, endpoints: str, *arguments: str) -> str:
    seconds = DEFRAGMENT_SECONDS if arguments == ("defrag",) else SECONDS
    command = ["/usr/local/bin/etcdctl", f"--endpoints={endpoints}",
               f"--command-timeout={seconds}s", f"--cacert={pki}/ca.crt",
               f"--cert={pki}/client.crt", f"--key={pki}/client.key", *arguments]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"etcdctl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def is_raised(listed: str) -> bool:
    """Whether the list of alarms has one for space, and none that people must judge."""
    others = [
        line for line in re.findall(r"\S*\s*alarm:\S+", listed) if not line.endswith(":NOSPACE")
    ]
    if others:
        raise SystemExit(
            f"etcd raised another alarm than that for space: {', '.join(sorted(others))}; nothing "
            "was changed; repair or replace the member, disarm etcd, then send the same spec again"
        )
    return "alarm:NOSPACE" in listed.split()


def statuses(text: str) -> dict[str, tuple[int, int]]:
    """Bytes of each endpoint's database: of its file, and of what is in use. The leader is last: a
    leader that defragments may lose its office."""

    def leads(item: dict[str, Any]) -> bool:
        status = item["Status"]
        return status.get("leader") == status.get("header", {}).get("member_id")

    return {
        item["Endpoint"]: (item["Status"]["dbSize"], item["Status"].get("dbSizeInUse", 0))
        for item in sorted(json.loads(text), key=leads)
    }


def await_reads(pki: str, endpoint: str) -> None:
    """Returns when the member reads with the consent of the others. etcdctl's own check of health
    calls every member unhealthy while the alarm is raised."""
    for _ in range(HEALTH_TRIES - 1):
        try:
            etcdctl(pki, endpoint, "get", "health")
        except SystemExit:
            time.sleep(HEALTH_PAUSE)
        else:
            return
    etcdctl(pki, endpoint, "get", "health")


def main() -> None:
    pki, quota, *endpoints = sys.argv[1:]
    every, most = ",".join(endpoints), int(quota) * FULL_PERCENT // 100
    if not is_raised(etcdctl(pki, every, "alarm", "list")):
        return
    found = statuses(etcdctl(pki, every, "endpoint", "status", "--write-out=json"))
    for endpoint, (_, used) in found.items():
        if used > most:
            raise SystemExit(
                f"etcd's database is full: {used} of {quota} bytes are in use on {endpoint}; "
                "delete objects that the cluster does not need, compact and disarm etcd, then send "
                "the same spec again"
            )
    for endpoint, (size, _) in found.items():
        if size > most:
            etcdctl(pki, endpoint, "defrag")
            await_reads(pki, endpoint)
            sys.stdout.write(f"{endpoint} defragmented\n")
    etcdctl(pki, every, "alarm", "disarm")
    sys.stdout.write("alarm NOSPACE disarmed\n")


if __name__ == "__main__":
    main()
