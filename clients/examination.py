"""The installation as the app itself sees it: each service asked with the app's own identity.

Nothing is created but one blob, which is removed. A check is a function that gives its finding or
raises what a client raises; all run at once, and none keeps another from its answer.
"""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass
from functools import partial

from clients.credentials import credential_of
from clients.errors import Refused, Transient, presentable
from clients.inspection import capacity_faults, template_faults
from clients.services import Services
from clients.transport import ARM_SCOPE
from cluster.findings import Finding
from cluster.plan import Plan

# A service that is silent costs its client a few tries; the host ends a request after 230 s.
DEADLINE_SECONDS = 60.0
# A name that no group or secret of ours has: reading it tells whether reading is allowed.
NOBODY = "slipway-doctor"
# Where the platform names no app, as in the lab.
UNNAMED_APP = "APP"
FORBIDDEN = (
    "AuthorizationFailed",
    "LinkedAuthorizationFailed",
    "Forbidden",
    "AuthorizationFailure",
)


@dataclass(frozen=True)
class Check:
    """`mend`: for whatever the service refuses; a finding of its own names its own."""

    look: Callable[[], Finding]
    mend: str


@dataclass(frozen=True)
class Place:
    """Names for the commands that mend; where the platform does not tell them, their kind in
    capitals."""

    app: str
    group: str
    location: str

    @property
    def redeploy(self) -> str:
        """Roles, settings and network are the template's."""
        return (
            f"az deployment sub create --name slipway --location {self.location} "
            "--template-file arm/platform/azuredeploy.json, with the parameters of before "
            "(docs/install.md, step 1)"
        )


def checks(services: Services, plan: Plan, place: Place) -> dict[str, Check]:
    """By the finding's name. `plan`: of the smallest cluster, in the region that is asked for."""
    usage = f"az vm list-usage --location {plan.location} -o table"
    return {
        "identity": Check(partial(_identity, services, place), place.redeploy),
        "quota": Check(partial(_quota, services, plan, usage), place.redeploy),
        "capacity": Check(partial(_capacity, plan, usage), place.redeploy),
        "rights": Check(partial(_rights, services, plan, place), place.redeploy),
        "vault": Check(partial(_vault, services), place.redeploy),
        "slack": Check(partial(_slack, services), place.redeploy),
        "storage": Check(partial(_storage, services), place.redeploy),
    }


def run_checks(wanted: dict[str, Check], seconds: float = DEADLINE_SECONDS) -> list[Finding]:
    """In the order given. What is not done in time is a failure, and is left behind."""
    pool = ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="examination")
    try:
        running = {name: pool.submit(_guarded, name, check) for name, check in wanted.items()}
        until = time.monotonic() + seconds
        found: list[Finding] = []
        for name, future in running.items():
            try:
                found.append(future.result(max(0.0, until - time.monotonic())))
            except LateError:
                seen = f"no answer within {seconds:.0f} s"
                mend = "ask again; then look at the service's health in the portal"
                found.append(Finding(name=name, state="failed", seen=seen, mend=mend))
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _guarded(name: str, check: Check) -> Finding:
    try:
        return check.look()
    except Transient as error:
        mend = "ask again in a minute; if it stays, see the service's network rules and its health"
        return Finding(name=name, state="failed", seen=str(error), mend=mend)
    except Refused as error:
        return Finding(name=name, state="failed", seen=str(error), mend=check.mend)
    except Exception as error:
        # Its text may hold what it was given.
        seen = f"{type(error).__name__}, which is a fault of Slipway's own"
        return Finding(name=name, state="failed", seen=seen, mend="look at the app's log stream")


def _identity(services: Services, place: Place) -> Finding:
    """A token for Resource Manager; those for vault and storage are asked for by their checks."""
    from azure.core.exceptions import AzureError

    settings = services.settings
    who = f"identity {settings.client_id}" if settings.client_id else "the identity"
    try:
        token = credential_of(settings).get_token(ARM_SCOPE)
    except AzureError as error:
        return Finding(
            name="identity",
            state="failed",
            seen=presentable(f"{who} gets no token: {type(error).__name__}"),
            mend=f"az functionapp identity show -g {place.group} -n {place.app}, and compare its "
            f"clientId with the setting AZURE_CLIENT_ID; {place.redeploy}",
        )
    minutes = max(0, int(token.expires_on - time.time())) // 60
    return Finding(
        name="identity", state="ok", seen=f"{who} has a token for {minutes} more minutes"
    )


def _quota(services: Services, plan: Plan, usage: str) -> Finding:
    """Reading it needs a right at the subscription."""
    found = services.compute.usages(plan.location)
    cores = next((used for name, used in found.items() if name.lower() == "cores"), None)
    if cores is None:
        seen = f"{plan.location} names no quota of cores"
        mend = f"{usage}: is it a region of this cloud?"
        return Finding(name="quota", state="failed", seen=seen, mend=mend)
    seen = f"{cores.current} of {cores.limit} cores used in {plan.location}"
    return Finding(name="quota", state="ok", seen=seen)


def _capacity(plan: Plan, usage: str) -> Finding:
    faults = list(capacity_faults(plan))
    if faults:
        mend = f"{usage}, and ask for more quota; or another region or size"
        seen = presentable("; ".join(faults))
        return Finding(name="capacity", state="warning", seen=seen, mend=mend)
    seen = f"the smallest cluster has room in {plan.location}, and its sizes are offered there"
    return Finding(name="capacity", state="ok", seen=seen)


def _rights(services: Services, plan: Plan, place: Place) -> Finding:
    """What a run creates, validated by Resource Manager as it validates a run's own templates: it
    refuses resources that the caller has no right to create."""
    exists = services.groups.exists(plan.group)
    faults = list(template_faults(plan, group_exists=exists))
    if faults:
        refused = any(code in fault for fault in faults for code in FORBIDDEN)
        mend = place.redeploy if refused else "./slipway plan of a small spec shows it in full"
        seen = presentable("; ".join(faults))
        return Finding(name="rights", state="failed", seen=seen, mend=mend)
    where = f"group {plan.group}" if exists else "a group of its own"
    seen = (
        f"Resource Manager accepts all {len(plan.deployments)} templates of a cluster in {where}; "
        "deleting was not tried"
    )
    return Finding(name="rights", state="ok", seen=seen)


def _vault(services: Services) -> Finding:
    services.vault.get(NOBODY)
    host = services.settings.vault_url.removeprefix("https://")
    return Finding(name="vault", state="ok", seen=f"{host} is read; writing was not tried")


def _slack(services: Services) -> Finding:
    name = services.settings.slack_secret
    if not name:
        return Finding(name="slack", state="notChecked", seen="SLIPWAY_SLACK_SECRET names none")
    if services.vault.get(name):
        seen = f"secret {name} is in the vault; nothing was posted"
        return Finding(name="slack", state="ok", seen=seen)
    vault = services.settings.vault_url.removeprefix("https://").partition(".")[0]
    return Finding(
        name="slack",
        state="failed",
        seen=f"secret {name} is not in the vault",
        mend=f"az keyvault secret set --vault-name {vault} --name {name} --file webhook.txt",
    )


def _storage(services: Services) -> Finding:
    """Written, read and removed: a run does all three."""
    blobs, name = services.store.blobs, f"doctor/{uuid.uuid4().hex}"
    container = services.settings.container
    blobs.write(name, name.encode())
    try:
        found = blobs.read(name)
    finally:
        blobs.delete_prefix(name)
    if found is None or found[0] != name.encode():
        seen = f"container {container}: what was written does not come back"
        mend = "look at the account's health"
        return Finding(name="storage", state="failed", seen=seen, mend=mend)
    seen = f"container {container}: a blob written, read and removed"
    return Finding(name="storage", state="ok", seen=seen)
