"""Whether the API server, etcd and the nodes can be reached from this control plane."""

import errno
import json
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster_troubles import listed

# How the API server reaches etcd is in its own arguments.
MANIFEST = Path("/etc/kubernetes/manifests/kube-apiserver.yaml")
KUBELET_PORT, ASK_SECONDS, PARALLEL = 10250, 3.0, 16
# The API's name may lead to another control plane. Every API server's certificate has this name.
HERE = ["--server=https://127.0.0.1:6443", "--tls-server-name=kubernetes"]
READY = [*HERE, "--request-timeout=4s", "get", "--raw=/readyz?verbose"]
TEXT_CHARACTERS, MEMBERS_TOLD = 160, 5
# Where the network is cut, or a machine is off, nobody answers. A refused connection and a failed
# handshake are answers.
SILENT = "no answer"
UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH}


class View:
    """What was reached at one moment.

    Attributes:
        readiness: what /readyz of this machine's API server says is wrong; empty if nothing is.
        silent: the nodes whose kubelets do not answer at all.
        members: what is wrong with each member of etcd, by address; empty text: nothing.
    """

    def __init__(self, readiness: str, silent: list[str], members: dict[str, str]) -> None:
        self.readiness, self.silent, self.members = readiness, silent, members

    def fault(self) -> str:
        """Returns what keeps the cluster from working; empty if that is not certain."""
        lost = [f"etcd on {name}" for name, fault in self.members.items() if fault == SILENT]
        if self.silent or 2 * len(lost) > len(self.members):
            told = listed([f"the kubelet of {name}" for name in self.silent] + lost)
            return f"the network is cut, or machines are off: no answer from {told}"
        faulty = sum(bool(fault) for fault in self.members.values())
        stopped = self.readiness and 2 * faulty > len(self.members)
        return "etcd does not work" if stopped else ""

    def described(self) -> str:
        """Returns what /readyz and etcd's members say, as a part of a cause."""
        well = sum(not fault for fault in self.members.values())
        faults = [f"{name}: {fault}" for name, fault in self.members.items() if fault]
        told = f" ({'; '.join(faults[:MEMBERS_TOLD])})" if faults else ""
        ready = self.readiness or "ok"
        return f"readyz: {ready}; etcd: {well} of {len(self.members)} members healthy{told}"


class Network:
    """Asked from this machine. `config`: the administrator's kubeconfig."""

    def __init__(self, config: str, manifest: Path = MANIFEST) -> None:
        self._config, self._manifest = config, manifest

    def look(self, nodes: dict[str, str]) -> View:
        """Asks everything at once. `nodes`: addresses by name."""
        with ThreadPoolExecutor(3) as pool:
            asked = [
                pool.submit(self._readiness),
                pool.submit(self._silent, nodes),
                pool.submit(self._etcd),
            ]
            return View(*(answer.result() for answer in asked))

    def _readiness(self) -> str:
        command = ["kubectl", f"--kubeconfig={self._config}", *READY]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return "" if done.returncode == 0 else failed_checks(done.stderr)

    def _etcd(self) -> dict[str, str]:
        arguments = self._arguments()
        servers = [url for url in arguments.get("etcd-servers", "").split(",") if url]
        if not servers:
            return {}
        context = ssl.create_default_context(cafile=arguments["etcd-cafile"])
        context.load_cert_chain(arguments["etcd-certfile"], arguments["etcd-keyfile"])
        with ThreadPoolExecutor(PARALLEL) as pool:
            faults = pool.map(lambda url: member_fault(url, context), servers)
            return dict(zip((url.split("//")[-1] for url in servers), faults, strict=True))

    def _silent(self, nodes: dict[str, str]) -> list[str]:
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = pool.map(lambda address: not answers(address), nodes.values())
            return [name for name, silent in zip(nodes, found, strict=True) if silent]

    def _arguments(self) -> dict[str, str]:
        try:
            text = self._manifest.read_text(encoding="utf-8")
        except OSError:
            return {}
        return dict(re.findall(r"^\s*- --(etcd-[a-z]+)=(\S+)$", text, re.MULTILINE))


def failed_checks(text: str) -> str:
    """Returns the names of the checks that /readyz marks as failed, or else the error's end."""
    names = re.findall(r"\[-\](\S+) failed", text)
    if names:
        return f"{', '.join(names)} failed"
    return text.strip()[-TEXT_CHARACTERS:] or SILENT


def member_fault(url: str, context: ssl.SSLContext) -> str:
    """Returns why a member is not healthy; empty if it is."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(f"{url}/health", timeout=ASK_SECONDS) as answer:
            health = json.load(answer)
    except urllib.error.HTTPError as error:
        return f"unhealthy (status {error.code})"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return SILENT if is_silence(reason) else str(reason)[:TEXT_CHARACTERS]
    return "" if health.get("health") == "true" else f"unhealthy ({health.get('reason', '')})"


def answers(address: str) -> bool:
    """Whether something answers at the kubelet's port, also with a refusal."""
    try:
        socket.create_connection((address, KUBELET_PORT), timeout=ASK_SECONDS).close()
    except OSError as error:
        return not is_silence(error)
    return True


def is_silence(error: object) -> bool:
    return isinstance(error, TimeoutError) or getattr(error, "errno", None) in UNREACHABLE
