"""Microsoft's command line against the lab: its settings, and its sign-in."""

import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.tls_front import tls_front

# The user's own, which would lead elsewhere.
FOREIGN = ("AZURE_", "ARM_", "AZ_", "IDENTITY_", "MSI_", "REQUESTS_", "CURL_", "SSL_", "PYTHON")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
SECONDS = 600


class SignInError(Exception):
    """The command line could not sign in to the lab; the text is its own."""


@dataclass(frozen=True)
class AzureCli:
    program: Path
    environment: Mapping[str, str]

    def run(self, arguments: Sequence[str], *, capture: bool) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.program), *arguments],
            env=self.environment, capture_output=capture, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip


@contextmanager
def azure_cli(program: Path, azure: str, identity_header: str, config: Path) -> Generator[AzureCli]:
    """Signed in. `config` is the command line's own directory, made on first use; the user's is
    neither read nor written.

    Raises:
        SignInError: the lab's Azure does not take its identity.
    """
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tls_front(azure, config) as proxy:
        found = AzureCli(program, _environment(proxy, azure, identity_header, config))
        if found.run(["account", "show", "--output", "none"], capture=True).returncode:
            done = found.run(["login", "--identity", "--output", "none"], capture=True)
            if done.returncode:
                raise SignInError(done.stderr.strip())
        yield found


def _environment(proxy: str, azure: str, header: str, config: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(FOREIGN) and name.lower() not in PROXIES
    }
    return kept | {
        "AZURE_CONFIG_DIR": str(config),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_SURVEY_MESSAGE": "false",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "NO_PROXY": "127.0.0.1",
        "IDENTITY_ENDPOINT": f"{azure}/identity",
        "IDENTITY_HEADER": header,
        "REQUESTS_CA_BUNDLE": str(config / "ca.pem"),
    }
