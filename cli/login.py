"""The command login: shows how the app identifies its callers, and whether it lets this one in."""

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any, cast

from cli.api import Api
from cli.exits import CommandError, Exit
from cli.targets import GUID, Target, find_target
from cli.text import clean
from cli.tokens import Token
from cluster.api_requests import SignIn

CLIENT_ID = "SLIPWAY_CLIENT_ID"


def login(args: Namespace) -> int:
    """Signs in with the caller's own identity, and reads the list of clusters with it. Nothing is
    stored: each command requests its token anew."""
    target = find_target(args)
    api = Api(target)
    found = api.sign_in()
    if not found.client_id or (found.access == "keys" and not target.client_id):
        _check_key(target, api)
        return _print(args, {"access": found.access}, f"{target.url} takes your function key")
    if target.client_id.lower() != found.client_id:
        raise CommandError(Exit.REFUSED, _how(target, found))
    token = api.token()
    api.clusters()
    name, roles = _named(token)
    ends = datetime.fromtimestamp(token.ends, UTC).strftime("%H:%M UTC")
    text = f"signed in as {name}, roles: {', '.join(roles) or 'none'}, until {ends}"
    return _print(args, {"access": found.access, "name": name, "roles": roles}, text)


def _check_key(target: Target, api: Api) -> None:
    if not target.key:
        text = f"{target.url} takes function keys: set SLIPWAY_KEY (docs/install.md, step 5)"
        raise CommandError(Exit.REFUSED, text)
    api.clusters()


def _how(target: Target, found: SignIn) -> str:
    """Returns how to sign in. The caller confirms the client id: a token for it is sent to the
    app's address, and another API's token must never be.

    Raises:
        CommandError: the app's ids are none. The caller would paste them into a shell.
    """
    tenant, client_id = found.tenant_id, found.client_id
    if not (GUID.fullmatch(tenant) and GUID.fullmatch(client_id)):
        text = f"{target.url} names a tenant or an app registration that is no id: is it Slipway?"
        raise CommandError(Exit.REFUSED, text)
    setting = f"the client id of context '{target.context}'" if target.context else CLIENT_ID
    given = f"{setting} is another one" if target.client_id else f"{setting} is not set"
    kept = f"export {CLIENT_ID}={client_id}"
    if target.context:
        kept = (
            f"slipway context add {target.context} --url {target.url} --client-id {client_id} "
            "--force"
        )
    return (
        f"{target.url} asks for tokens for the app registration {client_id}, and {given}\n"
        "  next: compare that id with the one that whoever operates Slipway gave to you, then:\n"
        f"    az login --tenant {tenant}\n"
        f"    {kept}\n"
        "    slipway login"
    )


def _named(token: Token) -> tuple[str, list[str]]:
    """Returns the name and the roles in the token, for display."""
    claims = token.claims()
    names = [claims[key] for key in ("preferred_username", "upn", "azp", "appid") if key in claims]
    roles = claims.get("roles")
    listed = cast(list[Any], roles) if isinstance(roles, list) else []
    return clean(str(names[0])) if names else "", [clean(str(role)) for role in listed]


def _print(args: Namespace, document: dict[str, object], text: str) -> int:
    sys.stdout.write((json.dumps(document) if args.json else text) + "\n")
    return Exit.OK
