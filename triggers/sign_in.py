"""Tells a client how to identify itself, before it has done so."""

import azure.functions as func

from clients.azure.entra import AUTHORITY
from cluster.access import AppRole
from cluster.api_requests import SignIn
from triggers.access import access_settings
from triggers.endpoint import endpoint
from triggers.requests import reply


@endpoint(needs=AppRole.ANYONE)
def get_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Returns what a client needs to request a token. None of it is secret: every sign-in has it in
    its address."""
    del req
    found = access_settings()
    tokens = found.reads_tokens
    return reply(
        SignIn(
            access=found.access.value,
            authority=f"{found.loopback or AUTHORITY}/{found.tenant}" if tokens else "",
            tenant_id=found.tenant,
            client_id=found.client_id,
        )
    )
