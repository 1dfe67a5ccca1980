"""The lab's main process: starts its services in order, and stops them together.

Usage: python -m lab.supervisor STATE_DIR. It reads options.json there, and writes lab.json when the
lab is ready.
"""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from cluster.allowed_fields import ANYTHING, DEFAULT
from lab.artifacts import serve_directory
from lab.identity import TENANT
from lab.issuer import CLIENT_ID
from lab.machines.site import Site, is_alive
from lab.paths import ROOT
from lab.relay import relay
from lab.storage import (
    connection_string,
    ensure_azurite,
    free_port,
    free_ports,
    start_azurite,
)

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
VAULT = "slipway-lab"
KEYS = ("function", "master", "durableTask", "eventGrid")
# A host takes up to 25 s to drain.
END_SECONDS = 30.0
# A service ends with the supervisor, even if the supervisor is killed.
TIED = ("setpriv", "--pdeathsig", "TERM", "--")


class Supervisor:
    """Runs the lab's services. They end with it, even if it is killed. Machines keep running, and
    the next start finds them."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._options = json.loads((state / "options.json").read_text(encoding="utf-8"))
        self._site = Site(self._options["site"])
        self._children: list[subprocess.Popen[bytes]] = []
        self._known = self._secrets()

    def run(self) -> None:
        logs = self._state / "logs"
        logs.mkdir(exist_ok=True)
        cache = Path(self._options["cache"])
        scripts = ensure_azurite(cache, lambda _: None)
        ports = free_ports(durable=self._options["engine"] != "memory")
        azurite = start_azurite(
            scripts, self._state / "blobs", ports, self._known["account"], logs / "azurite.log"
        )
        self._children.append(azurite)
        azure = self._start("azure", self._azure_config(cache))
        storage = connection_string(ports, self._known["account"])
        relay(self._site.host, ports.blob)
        self._put_webhook(azure)
        blobs = {"SLIPWAY_STORAGE_FROM_MACHINES": f"{self._site.host}:{ports.blob}"}
        settings = self._settings(azure, storage) | blobs | self._options.get("settings", {})
        url = self._start("host.main", self._host_config(settings, storage), name="host")
        info = {
            "url": url,
            "key": self._known["function"],
            "keys": self._keys(),
            "azure": azure,
            "identityHeader": self._known["identityHeader"],
            "storage": storage,
            "subscription": SUBSCRIPTION,
            "pid": os.getpid(),
            "mode": self._options.get("mode", "once"),
            "engine": self._options["engine"],
        }
        _write_private(self._state / "lab.json", json.dumps(info))
        self._watch()

    def _watch(self) -> None:
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        owner = self._options["owner"]
        while not ended.wait(1.0):
            if owner and not is_alive(owner):
                sys.stderr.write(f"process {owner['pid']}, which started this lab, has ended\n")
                break
            gone = [child for child in self._children if child.poll() is not None]
            if gone:
                sys.stderr.write(f"a service ended: {gone[0].args}\n")
                break
        (self._state / "lab.json").unlink(missing_ok=True)
        # The host stops first, because it needs the other services while it drains.
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()

    def _start(self, module: str, config: dict[str, Any], name: str = "") -> str:
        """Starts a service and returns the address that it prints when it is ready."""
        name = name or module
        path = self._state / f"{name}.config.json"
        _write_private(path, json.dumps(config))
        log = self._state / "logs" / f"{name}.log"
        with log.open("ab") as file:
            child = subprocess.Popen(
                [*TIED, sys.executable, "-m", f"lab.{module}", str(path)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
            )
        self._children.append(child)
        line = child.stdout.readline().decode().strip() if child.stdout else ""
        if not line.startswith("http://"):
            tail = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the lab's {name} did not start:\n{tail}")
        return line

    def _secrets(self) -> dict[str, str]:
        """Returns the lab's secrets. They are created once, so that what was encrypted or signed
        stays valid."""
        path = self._state / "secrets.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        names = (*KEYS, "identityKey", "identityHeader")
        made = {name: secrets.token_urlsafe(32) for name in names}
        made["account"] = base64.b64encode(secrets.token_bytes(64)).decode()
        if made.keys() - known.keys():
            # A lab of an earlier version keeps its existing secrets.
            known = made | known
            _write_private(path, json.dumps(known))
        return known

    def _keys(self) -> dict[str, str]:
        """Returns the functions host's keys: for functions, the master key, and one for each
        extension's webhook."""
        return {name: self._known[name] for name in KEYS}

    def _azure_config(self, cache: Path) -> dict[str, Any]:
        return {
            "state": str(self._state),
            "cache": str(cache),
            "subscription": SUBSCRIPTION,
            "vault": VAULT,
            "key": self._known["identityKey"],
            "identityHeader": self._known["identityHeader"],
            "port": free_port(),
            "site": self._site.number,
        }

    def _host_config(self, settings: dict[str, str], storage: str) -> dict[str, Any]:
        return {
            "engine": self._options["engine"],
            "storage": storage,
            "cache": self._options["cache"],
            "app": str(ROOT),
            "settings": settings,
            "keys": self._keys(),
            "mode": self._options.get("mode", "once"),
            "logs": str(self._state / "logs"),
        }

    def _settings(self, azure: str, storage: str) -> dict[str, str]:
        settings = {
            "AzureWebJobsStorage": storage,
            "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": _body_limit(),
            "SLIPWAY_STORAGE": storage,
            "SLIPWAY_CONTAINER": "slipway",
            "SLIPWAY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "SLIPWAY_VAULT_URL": f"https://{VAULT}.vault.azure.net",
            "IDENTITY_ENDPOINT": f"{azure}/identity",
            "IDENTITY_HEADER": self._known["identityHeader"],
            "SLIPWAY_LOOPBACK": azure,
            "SLIPWAY_ALLOWED_SOURCES": f"{self._site.host}/32",
            "SLIPWAY_SLACK_SECRET": "slack-webhook",
            "SLIPWAY_POLL_SECONDS": "1",
            # A token may come with the key, and then says who it is (`lab token`).
            "SLIPWAY_ENTRA_TENANT_ID": TENANT,
            "SLIPWAY_ENTRA_CLIENT_ID": CLIENT_ID,
            # Whoever runs a lab operates the installation.
            "SLIPWAY_ALLOWED_FIELDS": json.dumps({key: [ANYTHING] for key in DEFAULT}),
            "SLIPWAY_ANSIBLE_VARIABLES": (ROOT / "lab/ansible_variables.json").read_text(),
        }
        mirror = self._options.get("mirror")
        if mirror:
            url = self._serve_mirror(Path(mirror["directory"]))
            # The address is on the lab's own network, which the user's proxy cannot reach.
            default: dict[str, Any] = {
                "url": url,
                "manifestSha256": mirror["manifestSha256"],
                "direct": True,
            }
            if "through" in mirror:
                default["through"] = mirror["through"]
            settings["SLIPWAY_DEFAULT_ARTIFACTS"] = json.dumps(default)
        return settings

    def _serve_mirror(self, directory: Path) -> str:
        """Serves the mirror at the same address each time, because the specs of clusters and of
        running operations contain the address."""
        path = self._state / "mirror.port"
        port = int(path.read_text(encoding="utf-8")) if path.exists() else 0
        url = serve_directory(directory, self._site.host, self._state / "logs/mirror.log", port)
        path.write_text(url.rpartition(":")[2], encoding="utf-8")
        return url

    def _put_webhook(self, azure: str) -> None:
        """Stores the Slack sink's address in the vault, as an operator stores Slack's."""
        from clients.azure.vault import Vault  # noqa: PLC0415
        from clients.settings import Settings  # noqa: PLC0415

        os.environ["IDENTITY_ENDPOINT"] = f"{azure}/identity"
        os.environ["IDENTITY_HEADER"] = self._known["identityHeader"]
        settings = Settings(SUBSCRIPTION, f"https://{VAULT}.vault.azure.net", "", loopback=azure)
        vault = Vault(settings)
        found = vault.get("slack-webhook")
        url = f"{azure}/services/lab"
        if found is None:
            vault.set_if_absent("slack-webhook", url, {})
        elif found.value != url:
            vault.replace("slack-webhook", url)


def _body_limit() -> str:
    """Returns the limit that the platform's template sets in Azure."""
    template = json.loads((ROOT / "arm/platform/app.json").read_text(encoding="utf-8"))
    return str(template["variables"]["hostSettings"]["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"])


def _write_private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.chmod(0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    Supervisor(Path(sys.argv[1])).run()
