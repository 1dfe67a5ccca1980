"""Follows an operation of Azure Resource Manager that goes on after its request was accepted.

ARM names the operation's URL in the answer. A GET of it answers 202 while the operation goes on,
200 or 204 when it has succeeded, and the error when it has failed. Source: "Track asynchronous
Azure operations", Resource Manager's documentation.
"""

from clients.azure.error_forms import RootCause, root_causes
from clients.azure.errors import MISSING
from clients.azure.management import Document, Management
from clients.azure.transport import management_url
from clients.errors import Refused, Transient
from clients.settings import Settings
from cluster.azure_codes import all_mean_later

ACCEPTED = 202
FAILED = ("Failed", "Canceled")
GOING_ON = ("Accepted", "Creating", "Deleting", "InProgress", "Running", "Updating")
# Codes of an identity that may not read operations. Then nothing is known about them.
NO_RIGHT = ("AuthorizationFailed", "LinkedAuthorizationFailed")


class FailedForNow(Transient):
    """The operation has failed for a reason that passes. It is over: it has to be requested
    again."""


class Operations:
    """Operations by the URL that ARM named."""

    def __init__(self, settings: Settings) -> None:
        self._arm = Management(settings)

    def goes_on(self, url: str) -> bool:
        """Returns whether the operation goes on. False: it has succeeded, or ARM does not know it
        any more, or does not tell.

        Raises:
            Refused: the operation failed, with ARM's code and the resources that it names.
            FailedForNow: the operation failed for a reason that passes.
            Transient: ARM does not answer.
        """
        try:
            status, answer = self._arm.follow(management_url(url))
        except Refused as error:
            if error.code in (*MISSING, *NO_RIGHT):
                return False
            raise
        state = str(answer.get("status") or "")
        if state in FAILED:
            raise _failure(answer)
        return status == ACCEPTED or state in GOING_ON


def _failure(answer: Document) -> Refused | Transient:
    causes = root_causes(answer) or [RootCause("", "ARM gives no details")]
    if all_mean_later(cause.code for cause in causes):
        return FailedForNow(f"the operation failed: {causes[0].code}")
    first, *others = causes
    details = [": ".join(filter(None, (cause.code, cause.message))) for cause in others]
    return Refused(first.code or "OperationFailed", first.message, details)
