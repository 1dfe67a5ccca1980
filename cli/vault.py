"""Reads secrets of a cluster with the caller's own identity; the vault decides about access."""

import logging
import os
from typing import Any

from cli.exits import CommandError, Exit
from cli.targets import Target
from clients.azure.vault import Vault
from clients.errors import Refused, Transient
from clients.settings import VAULT, Settings

CLI_SECONDS = 15
RIGHT = "the role 'Key Vault Secrets User' on the vault lets you"


def read_secret(target: Target, url: str, name: str) -> str:
    """Returns the secret's value.

    Raises:
        CommandError: the caller is not signed in or has no access, or the secret does not exist, or
            the vault cannot be reached.
    """
    if not VAULT.fullmatch(url):
        text = f"'{url}' is not a vault's address; allowed: https://NAME.vault.azure.net (--vault)"
        raise CommandError(Exit.REFUSED, text)
    try:
        found = _vault(target, url).get(name)
    except Transient as error:
        raise CommandError(Exit.UNREACHABLE, f"{url} does not answer: {error}") from None
    except Refused as error:
        raise CommandError(Exit.FAILED, _said(url, error)) from None
    if found is None:
        text = f"secret '{name}' is not in {url}: apply the cluster's spec again, which makes it"
        raise CommandError(Exit.FAILED, text)
    return found.value


def _vault(target: Target, url: str) -> Vault:
    settings = Settings("", url, "", loopback=target.azure)
    if target.azure:
        # The lab's own identity endpoint. A user who can read the lab's state may read its vault.
        os.environ["IDENTITY_ENDPOINT"] = f"{target.azure}/identity"
        os.environ["IDENTITY_HEADER"] = target.identity_header
        return Vault(settings)
    return Vault(settings, _caller())


def _caller() -> Any:
    """Returns the credential of the caller: a pipeline's identity from the environment, or that of
    `az login`."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 -- slow to import

    logging.getLogger("azure").setLevel(
        logging.CRITICAL
    )  # an error is printed once, by this command
    return DefaultAzureCredential(process_timeout=CLI_SECONDS)


def _said(url: str, error: Refused) -> str:
    if error.code == "IdentityUnavailable":
        return f"{url} was not read: no account is signed in here. Run 'az login', then try again"
    if error.code == "Forbidden":
        return f"{url} does not let you read: {RIGHT} ({error.message})"
    return f"{url} refused: {error}"
