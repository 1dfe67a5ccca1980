"""`lab token`: prints a token of the lab's tenant for the API, as somebody with roles gets it."""

from argparse import Namespace

import requests

from cli.exits import CommandError, Exit
from cli.local_lab import running_lab
from lab.cli.privileges import become_root

TIMEOUT = (5.0, 30.0)


def run(args: Namespace) -> int:
    """Prints the token. The lab's tenant needs no sign-in; whoever may read the lab's state may be
    anybody in it."""
    become_root("lab token")
    lab = running_lab().info
    holder = {
        "name": args.name,
        "roles": args.role,
        "groups": args.group,
        "workload": args.workload,
    }
    with requests.Session() as session:
        # A configured proxy cannot reach this machine's loopback.
        session.trust_env = False
        answer = session.post(
            f"{lab['azure']}/_lab/tokens",
            json=holder,
            headers={"X-IDENTITY-HEADER": lab["identityHeader"]},
            timeout=TIMEOUT,
        )
    if answer.status_code != 200:
        raise CommandError(Exit.FAILED, "the lab gave no token: its Azure refused the request")
    print(answer.json()["access_token"])
    return Exit.OK
