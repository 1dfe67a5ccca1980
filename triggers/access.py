"""Decides whether the sender of a request may do what it asks for.

Every HTTP function names the role that it needs (`triggers.endpoint`); `triggers.app` refuses one
without. Who sent a request is taken from a verified token and from nothing else: other headers may
be sent by anyone.
"""

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import NoReturn

import azure.functions as func

from clients.access_settings import Access, AccessSettings, access_of
from clients.azure.entra import TokenRefusedError, TokenVerifier
from clients.azure.sdk_imports import load_sdks
from clients.errors import Refused
from clients.services import services
from clients.settings import SettingsReader
from clients.stored_documents import UNREADABLE
from cluster.access import KEY_HOLDER, SESSION_HOLDER, AppRole, Caller, Reach, make_caller
from cluster.record import ClusterRecord
from triggers.page_cookie import check_session
from triggers.problems import ProblemError
from triggers.requests import cluster_name

NOBODY = Caller()
MAX_NAME = 200
HOW = "'slipway login' says how to sign in"
BOUNDS_HOW = (
    "the setting SLIPWAY_ROLE_BOUNDS limits roles to names and resource groups of clusters; "
    "whoever operates Slipway changes it (docs/security.md)"
)
_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def key_level() -> func.AuthLevel:
    """Returns what the host asks of a request before the app: nothing if tokens replace keys, and
    otherwise, also with a wrong setting, a function key."""
    read = SettingsReader()
    if access_of(read) is Access.TOKENS:
        return func.AuthLevel.ANONYMOUS
    return func.AuthLevel.FUNCTION


@functools.cache
def access_settings() -> AccessSettings:
    """Returns the settings of this process.

    Raises:
        SettingsError: they are missing or wrong. Then nobody is let in.
    """
    return AccessSettings.from_env()


@functools.cache
def verifier(settings: AccessSettings) -> TokenVerifier:
    """Returns the verifier of this process, which keeps the tenant's keys."""
    load_sdks()
    return TokenVerifier(settings)


def current() -> Caller:
    """Returns the caller of the request that is being handled."""
    return _caller.get()


@contextmanager
def admitted(
    request: func.HttpRequest,
    needed: AppRole,
    identified: Callable[[Caller], None],
    *,
    in_session: bool = False,
) -> Generator[None]:
    """Checks the caller, and holds it for the handler that runs inside.

    Args:
        identified: is told who it is, before that caller's roles are checked.
        in_session: a session of the page stands for the function key, which the host has not
            asked for.

    Raises:
        ProblemError: 401 without a valid token, 403 without the role, for a cluster that the role
            does not cover, or for what concerns the whole installation if bounds limit the role.
        Transient: the token cannot be checked at the moment.
    """
    if in_session:
        check_session(request, access_settings())
    key = SESSION_HOLDER if in_session else KEY_HOLDER
    caller = NOBODY if needed is AppRole.ANYONE else _check(request, needed, identified, key)
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def _check(
    request: func.HttpRequest,
    needed: AppRole,
    identified: Callable[[Caller], None],
    key_holder: Caller,
) -> Caller:
    settings = access_settings()
    caller = _identify(request, settings, key_holder)
    identified(caller)
    if not caller.has(needed):
        held = ", ".join(role.value_in_token for role in sorted(caller.roles)) or "none"
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            f"this needs the role {needed.value_in_token}",
            f"the token's roles: {held}. Whoever manages the app registration {settings.client_id} "
            "assigns roles (docs/install.md); a new role is in the next token",
        )
    reach = caller.reach(needed)
    if "name" in request.route_params:
        _check_cluster(request, reach, cluster_name(request))
    elif needed is AppRole.ADMINISTRATOR and not reach.covers_everything:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "your role does not cover the whole installation",
            f"this is for an Administrator of every cluster, and {BOUNDS_HOW}",
        )
    return caller


def _identify(request: func.HttpRequest, settings: AccessSettings, key_holder: Caller) -> Caller:
    token = _bearer(request)
    if not settings.reads_tokens or (settings.access is Access.KEYS and not token):
        # The host has checked the key, or a session stands for it.
        return key_holder
    if not token:
        _refuse("a token is needed", f"send 'Authorization: Bearer TOKEN'; {HOW}")
    try:
        found = verifier(settings).verify(token)
    except TokenRefusedError as error:
        _refuse("the token was refused", f"{error}. Sign in again; {HOW}", "invalid_token")
    name = "".join(one for one in found.name if one.isprintable())[:MAX_NAME]
    return make_caller(name, found.object_id, found.groups, found.roles, settings.bounds)


def _bearer(request: func.HttpRequest) -> str:
    """Returns the token of the header, or "". Another scheme counts as no token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _refuse(title: str, detail: str, error: str = "") -> NoReturn:
    challenge = 'Bearer realm="slipway"' + (f', error="{error}"' if error else "")
    raise ProblemError(
        HTTPStatus.UNAUTHORIZED, title, detail, headers={"WWW-Authenticate": challenge}
    )


def _check_cluster(request: func.HttpRequest, reach: Reach, cluster: str) -> None:
    """Checks an existing cluster's group too. A request that creates the cluster names its group in
    the body (`check_group`)."""
    if reach.covers(cluster, ""):
        return  # in every group, and so also if its record cannot be read
    if not reach.covers_name(cluster):
        raise _out_of_reach(cluster)
    try:
        found = services().store.record(cluster)
    except Refused as error:
        if error.code != UNREADABLE:
            raise
        # The group of a record that cannot be read is not known.
        raise _out_of_reach(cluster) from None
    if found is None or (request.method == "PUT" and found[0].is_tombstone):
        return
    if not reach.covers(cluster, found[0].group):
        raise _out_of_reach(cluster)


def check_group(cluster: str, group: str, needed: AppRole) -> None:
    """Checks the place that a request asks for.

    Raises:
        ProblemError: the caller's role does not cover a cluster of that name in that group.
    """
    if not current().reach(needed).covers(cluster, group):
        raise _out_of_reach(cluster, group)


def may_read_run(record: ClusterRecord, generation: int) -> bool:
    """Returns whether the caller may read a run of a cluster (`check_run`)."""
    reach = current().reach(AppRole.READER)
    covered = reach.covers(record.name, record.group) and record.is_of_group(generation)
    return covered or reach.covers(record.name, "")


def check_run(record: ClusterRecord, generation: int) -> None:
    """Checks that the caller may read a run of a cluster. An earlier run may be that of another
    cluster of the same name, in another resource group.

    Raises:
        ProblemError: the caller's role does not cover the group of that run.
    """
    if may_read_run(record, generation):
        return
    if not current().reach(AppRole.READER).covers(record.name, record.group):
        raise _out_of_reach(record.name)
    raise ProblemError(
        HTTPStatus.FORBIDDEN,
        f"your role does not cover operation {generation} of cluster '{record.name}'",
        f"it is not known to be one in resource group '{record.group}', and {BOUNDS_HOW}",
    )


def _out_of_reach(cluster: str, group: str = "") -> ProblemError:
    place = f" in resource group '{group}'" if group else ""
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        f"your role does not cover cluster '{cluster[:40]}'{place}",
        BOUNDS_HOW,
    )
