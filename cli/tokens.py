"""Access tokens for Slipway's API, with the caller's own identity.

They come from the command line of Azure, which people have and which pipelines sign in with their
federated identity: this needs no further package. Where the environment itself describes an
identity, as in a pod with workload identity, azure-identity of the extra `access` is used. Nothing
is stored.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, cast

from cli.exits import CommandError, Exit
from cli.text import clean

CLI_SECONDS = 60
# A token that ends sooner is replaced by a new one.
LEAST_SECONDS = 300
# Variables of azure-identity: a federated token, a certificate or a secret of a service principal.
IDENTITIES = (
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_SECRET",
)


@dataclass(frozen=True)
class Token:
    """A token and the time of its end."""

    text: str = field(repr=False)
    ends: float

    def claims(self) -> dict[str, Any]:
        """Returns what the token says, unverified and for display only."""
        part = self.text.split(".")[1] if self.text.count(".") == 2 else ""
        try:
            found: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except (ValueError, RecursionError):
            found = None
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}


class Tokens:
    """Keeps the token of one command, and replaces it before it ends."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id
        self._token: Token | None = None

    def current(self) -> Token:
        """Returns a token that is valid for some minutes.

        Raises:
            CommandError: nobody is signed in.
        """
        left = self._token.ends - time.time() if self._token else 0.0
        if self._token is None or left < LEAST_SECONDS:
            try:
                self._token = _new_token(f"api://{self._client_id}/.default")
            except CommandError:
                # A pipeline's federated sign-in may have ended: the token is used to its end.
                if self._token is None or left <= 0:
                    raise
        return self._token


def _new_token(scope: str) -> Token:
    if any(os.environ.get(name) for name in IDENTITIES) and _has_azure_identity():
        return _from_environment(scope)
    return _from_az(scope)


def _from_az(scope: str) -> Token:
    program = shutil.which("az")
    if program is None:
        text = (
            "a token is needed, and 'az' is not installed: install Azure's command line and "
            "'az login' (docs/command-line.md has other ways)"
        )
        raise CommandError(Exit.REFUSED, text)
    argv = [program, "account", "get-access-token", "--scope", scope, "--output", "json"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=CLI_SECONDS
        )
    except subprocess.TimeoutExpired:
        text = f"'az account get-access-token' did not end within {CLI_SECONDS} s"
        raise CommandError(Exit.UNREACHABLE, text) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        why = clean(lines[-1])[:400] if lines else f"it ended with {done.returncode}"
        text = f"'az account get-access-token' gave no token: {why}\n  next: 'slipway login'"
        raise CommandError(Exit.REFUSED, text)
    try:
        found = json.loads(done.stdout)
        return Token(str(found["accessToken"]), float(found["expires_on"]))
    except (ValueError, KeyError, TypeError):
        # An az before 2.54 gives the end as local time only.
        text = "'az account get-access-token' answered in an unknown form; use az 2.54 or newer"
        raise CommandError(Exit.REFUSED, text) from None


def _has_azure_identity() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False


def _from_environment(scope: str) -> Token:
    from azure.core.exceptions import AzureError  # noqa: PLC0415 -- slow, and not always installed
    from azure.identity import EnvironmentCredential, WorkloadIdentityCredential  # noqa: PLC0415

    federated = bool(os.environ.get("AZURE_FEDERATED_TOKEN_FILE"))
    try:
        credential = WorkloadIdentityCredential() if federated else EnvironmentCredential()
        found = credential.get_token(scope)
    except (AzureError, ValueError) as error:
        why = clean(str(error).splitlines()[0])[:400]
        text = f"the identity that the variables AZURE_* describe gave no token: {why}"
        raise CommandError(Exit.REFUSED, text) from None
    return Token(found.token, float(found.expires_on))
