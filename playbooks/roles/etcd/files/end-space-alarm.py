"""Ends etcd's alarm for a full database, if there is room again.

Usage: end-space-alarm.py PKI QUOTA ENDPOINT...

Runs on one member. QUOTA is in bytes and the same on every member. When a database reaches its
quota, etcd refuses writes until the alarm is disarmed, also if the quota has grown meanwhile. A
database with free pages is defragmented first, one member after the other. Prints a line for each
change. If a database is full of data, exits with a message that says so.
"""

import json
import subprocess
import sys

# The alarm would come back at once if it were disarmed nearer to the quota.
FULL_PERCENT = 95


def etcdctl(pki: str, endpoints: str, *arguments: str) -> str:
    command = ["/usr/local/bin/etcdctl", f"--endpoints={endpoints}", "--command-timeout=60s",
               f"--cacert={pki}/ca.crt", f"--cert={pki}/client.crt", f"--key={pki}/client.key",
               *arguments]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"etcdctl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def is_raised(listed: str) -> bool:
    """Whether the list of alarms has one for space. The others are for people to judge."""
    return "alarm:NOSPACE" in listed.split()


def statuses(text: str) -> dict[str, tuple[int, int]]:
    """Bytes of each endpoint's database: of its file, and of what is in use."""
    return {
        item["Endpoint"]: (item["Status"]["dbSize"], item["Status"].get("dbSizeInUse", 0))
        for item in json.loads(text)
    }


def main() -> None:
    pki, quota, *endpoints = sys.argv[1:]
    every, most = ",".join(endpoints), int(quota) * FULL_PERCENT // 100
    if not is_raised(etcdctl(pki, every, "alarm", "list")):
        return
    for endpoint, (size, used) in statuses(
        etcdctl(pki, every, "endpoint", "status", "--write-out=json")
    ).items():
        if used > most:
            raise SystemExit(
                f"etcd's database is full: {used} of {quota} bytes are in use on {endpoint}; "
                "delete objects that the cluster does not need, compact and disarm etcd, then send "
                "the same spec again"
            )
        if size > most:
            etcdctl(pki, endpoint, "defrag")
            sys.stdout.write(f"{endpoint} defragmented\n")
    etcdctl(pki, every, "alarm", "disarm")
    sys.stdout.write("alarm NOSPACE disarmed\n")


if __name__ == "__main__":
    main()
