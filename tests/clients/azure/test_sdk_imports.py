"""A worker's first activities come at once, each in a thread, and each makes another client."""

import os
import subprocess
import sys

from dev.paths import ROOT
from dev.variables import EVERYTHING

# Each starts a process and loads all SDKs.
ROUNDS = 8 if os.environ.get(EVERYTHING) else 3
# The threads are let go together; what one of them raises is printed.
FIRST_CALLS = """
import threading
from concurrent.futures import ThreadPoolExecutor
from clients.services import services

CLIENTS = ("store", "vault", "groups", "deployments", "resources", "compute")
gate = threading.Barrier(len(CLIENTS))

def first_call(name):
    gate.wait()
    client = getattr(services(), name)
    try:
        getattr(client, "blobs", client)._client if name != "store" else client.blobs._container
    except (ImportError, RuntimeError) as error:
        return f"{name}: {type(error).__name__}: {error}"
    except Exception:
        return ""  # nobody answers there
    return ""

with ThreadPoolExecutor(len(CLIENTS)) as pool:
    print("".join(pool.map(first_call, CLIENTS)), end="")
"""


def test_threads_that_make_their_first_clients_at_once_do_not_stop_each_other() -> None:
    settings = {
        "SLIPWAY_SUBSCRIPTION_ID": "00000000-0000-4000-8000-000000000001",
        "SLIPWAY_VAULT_URL": "https://slipway-test.vault.azure.net",
        "SLIPWAY_STORAGE": "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a",
        "SLIPWAY_LOOPBACK": "http://127.0.0.1:9",
        "IDENTITY_ENDPOINT": "http://127.0.0.1:9/identity",
        "IDENTITY_HEADER": "nobody",
    }
    for _ in range(ROUNDS):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_CALLS],
            cwd=ROOT,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert done.stdout == ""
