"""Writes one log line for each request: its route and cluster, the caller, and what was decided.

The line quotes nothing but the names that are checked here: a function key may be in the query of
an address, and anybody may send any path.
"""

import logging
import re
from dataclasses import dataclass, field
from http import HTTPStatus

import azure.functions as func

from cluster.access import AppRole, Caller
from cluster.names import CLUSTER_NAME

log = logging.getLogger("slipway.audit")

REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass
class Route:
    """The template of a function's address. The app sets it when it registers the function."""

    template: str = ""


@dataclass
class AuditEntry:
    """What becomes known of a request while it is handled.

    Attributes:
        needed: the role that the route needs. None: the request was refused before that was known.
        caller: whoever sent it. None: not identified.
    """

    request: func.HttpRequest
    route: Route
    needed: AppRole | None = None
    caller: Caller | None = field(default=None)

    def identified(self, caller: Caller) -> None:
        self.caller = caller

    def write(self, status: int) -> None:
        """Writes the line. `status` is that of the answer."""
        log.info(
            "%s %s cluster=%s caller=%s roles=%s needs=%s decision=%s status=%d",
            self.request.method, self.route.template or "-", self._cluster(), self._caller(),
            self._roles(), self.needed.value_in_token if self.needed is not None else "-",
            "refused" if status in REFUSED else "allowed", status)  # fmt: skip

    def _cluster(self) -> str:
        name = self.request.route_params.get("name", "-")
        return name if name == "-" or re.fullmatch(CLUSTER_NAME, name) else "invalid"

    def _caller(self) -> str:
        """Returns the object id of the token, which Entra ID resolves to a name."""
        if self.caller is None:
            return "-"
        return self.caller.object_id or "key"

    def _roles(self) -> str:
        held = sorted(self.caller.roles) if self.caller else []
        return ",".join(role.value_in_token for role in held) or "-"
