"""Which installation a command talks to: a named one, that of the environment, or the lab."""

import os
import re
import sys
from argparse import Namespace
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from cli.contexts import LAB, read_contexts
from cli.exits import CommandError, Exit
from cli.local_lab import LabInfo, running_lab

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Target:
    """The address of the API. The URL has no path; the key may be empty. `client_id`: the app
    registration for which tokens are requested; empty: no token is sent. `azure` and
    `identity_header` are set for the lab only; they give access to the lab's vault. `context`: the
    name of the installation, if it has one. `debug`: requests are printed."""

    url: str
    key: str = field(repr=False)
    azure: str = ""
    identity_header: str = field(default="", repr=False)
    client_id: str = ""
    context: str = ""
    debug: bool = False

    @property
    def local(self) -> bool:
        name = urlsplit(self.url).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


def target_to_change(args: Namespace) -> Target:
    """Returns the target of a command that changes something. Standard error says which it is."""
    target = find_target(args)
    if target.context != LAB or _named(args):  # otherwise the lab was already named
        named = f"context '{target.context}', " if target.context else ""
        print(f"slipway: using {named}{target.url}", file=sys.stderr)
    return target


def find_target(args: Namespace) -> Target:
    """Returns the target: the context of --context or SLIPWAY_CONTEXT, otherwise SLIPWAY_URL,
    otherwise the current context, otherwise the lab on this machine.

    A lab is then used without being asked for, so standard error says so: the caller may have meant
    an installation in Azure. A key without its address is refused: it belongs to none of these.

    Raises:
        CommandError: the target is not usable, or nothing names one.
    """
    name = _named(args)
    url = "" if name else os.environ.get("SLIPWAY_URL", "")
    if name == LAB:
        return _of_lab(running_lab(), args)
    if url:
        key, client_id = os.environ.get("SLIPWAY_KEY", ""), os.environ.get("SLIPWAY_CLIENT_ID", "")
        return checked_target("SLIPWAY_", Target(url, key, client_id=client_id, debug=args.debug))
    contexts = read_contexts()
    if name := name or contexts.current:
        context = contexts.get(name)
        found = Target(context.url, "", client_id=context.client_id, context=name, debug=args.debug)
        checked = checked_target(f"context '{name}': ", found)
        return _with_key(checked, context.read_key(name))
    for variable in ("SLIPWAY_KEY", "SLIPWAY_CLIENT_ID"):
        if os.environ.get(variable):
            text = (
                f"{variable} is set and SLIPWAY_URL is not: set both, name an installation "
                "(--context NAME), or the lab on this machine (--context lab)"
            )
            raise CommandError(Exit.REFUSED, text)
    if contexts.named:
        text = "no context is selected: 'slipway context use NAME', or --context NAME"
        raise CommandError(Exit.REFUSED, f"{text}; known: {', '.join(sorted(contexts.named))}")
    lab = running_lab()
    text = f"SLIPWAY_URL is not set: using the lab on this machine, {lab.url}"
    print(f"slipway: {text}", file=sys.stderr)
    return _of_lab(lab, args)


def _named(args: Namespace) -> str:
    return args.context or os.environ.get("SLIPWAY_CONTEXT", "")


def checked_target(prefix: str, target: Target) -> Target:
    """Returns the target in its normal form. `prefix` begins the names of its fields in messages.

    Raises:
        CommandError: an address or an id that could send a key or token to somewhere else.
    """
    # Another form could name another API, whose token would be sent to this address.
    if target.client_id and not GUID.fullmatch(target.client_id):
        raise CommandError(Exit.REFUSED, f"{prefix}CLIENT_ID is not an app registration's id")
    url = target.url.rstrip("/").removesuffix("/api")
    found = Target(
        url,
        target.key,
        client_id=target.client_id,
        context=target.context,
        debug=target.debug,
    )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(Exit.REFUSED, f"{prefix}URL is not an http or https URL")
    if parts.scheme == "http" and not found.local:
        text = f"{prefix}URL must be https: the key would travel in clear (http on loopback only)"
        raise CommandError(Exit.REFUSED, text)
    return found


def _with_key(target: Target, key: str) -> Target:
    return Target(
        target.url, key, client_id=target.client_id, context=target.context, debug=target.debug
    )


def _of_lab(lab: LabInfo, args: Namespace) -> Target:
    header = lab.info.get("identityHeader", "")
    return Target(
        lab.url,
        lab.key,
        azure=lab.info["azure"],
        identity_header=header,
        context=LAB,
        debug=args.debug,
    )
