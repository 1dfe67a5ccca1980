"""Prints the address of each etcd member that votes, as this machine's member knows them.

Usage: list-voters.py PKI URL

The answer is the member's own: it needs no majority, which `etcdctl member list` does. A member
that was stopped is started; without a majority it never answers, so the wait has an end.
"""

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

TIMEOUT_SECONDS, ASK_SECONDS, PAUSE_SECONDS = 30.0, 5.0, 2.0


def ask(pki: str, url: str) -> list[dict]:
    """Returns the members.

    Raises:
        OSError, ValueError: the member does not answer.
    """
    context = None
    if url.startswith("https:"):
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/client.crt", f"{pki}/client.key")
    asked = f"{url}/v3/cluster/member/list", b'{"linearizable": false}'
    request = urllib.request.Request(*asked)  # noqa: S310 -- this machine's own member
    with urllib.request.urlopen(  # noqa: S310
        request, timeout=ASK_SECONDS, context=context
    ) as answer:
        return json.load(answer)["members"]


def voters(members: list[dict]) -> list[str]:
    """Returns the addresses of the members that are no learners."""
    return [urlsplit(peer).hostname or "" for member in members if not member.get("isLearner")
            for peer in member["peerURLs"][:1]]  # fmt: skip


def main() -> None:
    pki, url = sys.argv[1:]
    until = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            found = voters(ask(pki, url))
        except (OSError, ValueError, KeyError) as error:
            if time.monotonic() > until:
                raise SystemExit(f"etcd does not answer at {url}: {error}") from None
            subprocess.run(["systemctl", "start", "--no-block", "etcd"], check=False)
            time.sleep(PAUSE_SECONDS)
            continue
        sys.stdout.write("".join(f"{address}\n" for address in found))
        return


if __name__ == "__main__":
    main()
