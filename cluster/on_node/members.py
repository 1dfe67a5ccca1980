"""Says which members etcd has and which are healthy, or removes one of them.

This file runs on an etcd member, alone: standard library only. It asks etcd through etcdctl with
the machine's client certificate. It keeps no state.

Standard input: JSON with
- `action`: `look`, or `remove`;
- `peer`: the peer URL of the member that is to be removed;
- `pauses`: seconds after which it looks once more each, while the removal is not safe. A leader
  that is being elected, or a busy disk, is no lost member;
- `etcdctl`, `pki`: where the program and the certificates are.

Output: JSON with `listed` (whether etcd has the member), `healthy` (the member itself), `others`
and `well` (how many other members there are, and how many of them are healthy), `needed` (how many
of these must be healthy), `faults` (one for each unhealthy one), `removed` (whether it was removed
now).

Exit codes: 78: this machine has no etcd. 3: the member was not removed, because the others would
have no majority or one of them is not healthy.
"""

import json
import subprocess  # nosec B404
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Json = dict[str, Any]

NOT_INSTALLED, UNSAFE = 78, 3
ASK_SECONDS, COMMAND_SECONDS = "5s", 30.0
TEXT_CHARACTERS = 200


class Etcdctl:
    """The command line of etcd on this machine."""

    def __init__(self, request: Json) -> None:
        pki = str(request["pki"])
        self._command = [
            str(request["etcdctl"]),
            f"--cacert={pki}/ca.crt",
            f"--cert={pki}/client.crt",
            f"--key={pki}/client.key",
            f"--command-timeout={ASK_SECONDS}",
        ]

    def run(self, endpoint: str, *arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(  # nosec B603
            [*self._command, f"--endpoints={endpoint}", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return done.returncode, done.stdout, done.stderr.strip()

    def need(self, *arguments: str) -> str:
        """Returns the output of a command that asks this machine's member.

        Raises:
            OSError: it failed.
        """
        code, output, text = self.run("https://127.0.0.1:2379", *arguments)
        if code != 0:
            raise OSError(f"etcdctl {' '.join(arguments[:2])}: {_last_line(text)}")
        return output

    def fault(self, member: Json) -> str:
        """Returns why a member is not healthy, or ""."""
        urls: list[str] = member.get("clientURLs") or []
        name = str(member.get("name") or (member.get("peerURLs") or ["?"])[0])
        if not urls:
            return f"{name} was added and has not started"
        code, _, text = self.run(urls[0], "endpoint", "health")
        return "" if code == 0 else f"{name}: {_why(text) or f'exit code {code}'}"


def look(etcd: Etcdctl, peer: str) -> Json:
    """Returns what the members are, with the id of the one to remove."""
    listed = json.loads(etcd.need("member", "list", "--write-out=json"))
    members: list[Json] = listed["members"]
    target = [one for one in members if peer in (one.get("peerURLs") or [])]
    others = [one for one in members if one not in target]
    with ThreadPoolExecutor(8) as pool:
        faults = list(pool.map(etcd.fault, [*target, *others]))
    bad = [fault for fault in faults[len(target) :] if fault]
    return {
        "listed": bool(target),
        "healthy": bool(target) and not faults[0],
        "id": f"{target[0]['ID']:x}" if target else "",
        "others": len(others),
        "well": len(others) - len(bad),
        # The member comes back: then the new one needs the votes of a majority of all.
        "needed": len(members) // 2 + 1,
        "faults": [fault[:TEXT_CHARACTERS] for fault in bad],
        "removed": False,
    }


def is_safe(found: Json) -> bool:
    """Returns whether the member may leave: the others have a majority without it. A healthy member
    leaves only if all others are healthy."""
    enough = found["well"] >= found["needed"]
    return not found["listed"] or (enough and not (found["healthy"] and found["faults"]))


def main() -> int:
    request: Json = json.load(sys.stdin)
    if not Path(request["etcdctl"]).exists():
        return NOT_INSTALLED
    etcd = Etcdctl(request)
    try:
        found = look(etcd, str(request["peer"]))
        for pause in request.get("pauses") or ():
            if is_safe(found):
                break
            time.sleep(pause)
            found = look(etcd, str(request["peer"]))
        if request["action"] == "remove" and found["listed"]:
            if not is_safe(found):
                json.dump(found, sys.stdout)
                return UNSAFE
            etcd.need("member", "remove", found["id"])
            found["removed"] = True
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0


def _why(text: str) -> str:
    """Returns the reason that etcdctl gives. Its last line only counts the members."""
    named = [line for line in text.splitlines() if " is unhealthy: " in line]
    return named[0].partition(" is unhealthy: ")[2] if named else _last_line(text)


def _last_line(text: str) -> str:
    return text.splitlines()[-1] if text else ""


if __name__ == "__main__":
    sys.exit(main())
