"""Checks of the services that a run uses, with the app's own identity.

They create nothing but one blob, in the container of the runs, and delete it.
"""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clients.azure.credentials import credential_of
from clients.azure.transport import ARM_SCOPE
from clients.errors import Refused
from clients.services import Services
from clients.slack import SlackWebhook
from cluster.findings import Finding, Fix
from cluster.plan import Plan
from cluster.presentable import presentable
from cluster.reasons import Reason, grouped
from doctor.fixes import Installation, fix_for, is_forbidden
from doctor.runner import DoctorCheck
from planning.inspection import capacity_faults, faults_of_template
from telemetry import spans

# The name of no group and no secret: reading it shows whether reading is allowed.
NOBODY = "slipway-doctor"
SHOWN = Fix(text="run './slipway plan' with a small spec to see the full error")
HEALTH = Fix(text="check the health of the storage account in the portal")


def checks(
    services: Services, plan: Plan, installation: Installation, *, in_group: bool
) -> dict[str, DoctorCheck]:
    """The checks by the name of their finding.

    Args:
        plan: a plan of the smallest cluster, in the requested region.
        in_group: whether the request names the plan's resource group.
    """
    usage = f"az vm list-usage --location {plan.location} -o table"
    rights = partial(_rights, services, plan, installation, in_group)
    return {
        "identity": DoctorCheck(partial(_identity, services, installation), installation.redeploy),
        "quota": DoctorCheck(partial(_quota, services, plan, usage), installation.redeploy),
        "capacity": DoctorCheck(partial(_capacity, services, plan, usage), installation.redeploy),
        "rights": DoctorCheck(rights, SHOWN),
        "vault": DoctorCheck(partial(_vault, services), installation.redeploy),
        "slack": DoctorCheck(partial(_slack, services), installation.redeploy),
        "storage": DoctorCheck(partial(_storage, services), installation.redeploy),
    }


def _identity(services: Services, installation: Installation) -> Finding:
    """Requests a token for Resource Manager. The checks of vault and storage request their own."""
    from azure.core.exceptions import AzureError

    settings = services.settings
    who = f"identity {settings.client_id}" if settings.client_id else "the identity"
    try:
        token = credential_of(settings).get_token(ARM_SCOPE)
    except AzureError as error:
        fix = Fix(
            text="set AZURE_CLIENT_ID to the clientId of the app's identity; if the app has no "
            "identity, deploy the installation again (docs/install.md, step 1)",
            command=f"az functionapp identity show -g {installation.group} -n {installation.app}",
        )
        seen = presentable(f"{who} gets no token: {type(error).__name__}")
        return Finding(name="identity", state="failed", seen=seen, fix=fix)
    minutes = max(0, int(token.expires_on - time.time())) // 60
    seen = f"{who} has a token for {minutes} more minutes"
    return Finding(name="identity", state="ok", seen=seen)


def _quota(services: Services, plan: Plan, usage: str) -> Finding:
    """Reads the quota, which needs a right at subscription scope."""
    found = services.compute.usages(plan.location)
    cores = next((used for name, used in found.items() if name.lower() == "cores"), None)
    if cores is None:
        seen = f"Azure reports no quota of cores in {plan.location}"
        fix = Fix(text="name a region of this cloud", command=usage)
        return Finding(name="quota", state="failed", seen=seen, fix=fix)
    seen = f"{cores.current} of {cores.limit} cores used in {plan.location}"
    return Finding(name="quota", state="ok", seen=seen)


def _capacity(services: Services, plan: Plan, usage: str) -> Finding:
    faults = grouped(capacity_faults(plan, services.compute.offer(plan.location)))
    if faults:
        fix = Fix(text="request more quota, or choose another region or size", command=usage)
        seen = presentable("; ".join(faults))
        return Finding(name="capacity", state="warning", seen=seen, fix=fix)
    seen = f"the smallest cluster has room in {plan.location}, and its sizes are offered there"
    return Finding(name="capacity", state="ok", seen=seen)


def _rights(services: Services, plan: Plan, installation: Installation, in_group: bool) -> Finding:
    """Validates the templates of a cluster. Resource Manager refuses resources that the app has no
    right to write."""
    try:
        exists = services.groups.exists(plan.group)
    except Refused as error:
        if in_group or not is_forbidden(str(error)):
            raise
        return Finding(
            name="rights",
            state="notChecked",
            seen="the app has no right to read the subscription's groups, as in an installation "
            "whose clusters are restricted to named groups",
            fix=Fix(
                text="name one of clusterGroups; if the installation has none, a right is missing",
                command="./slipway doctor --group GROUP",
            ),
        )
    faults = grouped(_template_faults(plan, exists))
    if faults:
        fixes = [fix_for(fault, SHOWN, installation) for fault in faults]
        fix = next((fix for fix in fixes if fix != SHOWN), SHOWN)
        seen = presentable("; ".join(faults))
        return Finding(name="rights", state="failed", seen=seen, fix=fix)
    where = f"group {plan.group}" if exists else "a group of its own"
    seen = (
        f"Resource Manager accepts all {len(plan.deployments)} templates of a cluster in {where}; "
        "joining networks, starting, stopping and deleting were not tested"
    )
    return Finding(name="rights", state="ok", seen=seen)


def _template_faults(plan: Plan, exists: bool) -> Iterator[Reason]:
    """In parallel: one validation may take most of the time limit of the check."""
    with ThreadPoolExecutor(len(plan.deployments), thread_name_prefix="validation") as pool:
        of = spans.carried(partial(_faults_of, plan, exists))
        for faults in pool.map(of, range(len(plan.deployments))):
            yield from faults


def _faults_of(plan: Plan, exists: bool, index: int) -> list[Reason]:
    return list(faults_of_template(plan, plan.deployments[index], group_exists=exists))


def _vault(services: Services) -> Finding:
    services.vault.get(NOBODY)
    host = services.settings.vault_url.removeprefix("https://")
    return Finding(
        name="vault", state="ok", seen=f"secrets of {host} can be read; writing was not tested"
    )


def _slack(services: Services) -> Finding:
    name, settings = services.settings.slack_secret, services.settings
    if not name:
        return Finding(name="slack", state="notChecked", seen="SLIPWAY_SLACK_SECRET is empty")
    vault = settings.vault_url.removeprefix("https://").partition(".")[0]
    put = Fix(
        text="webhook.txt: a file that contains only the webhook's URL "
        "(https://hooks.slack.com/…). Recover a soft-deleted secret first: az keyvault secret "
        "recover",
        command=f"az keyvault secret set --vault-name {vault} --name {name} --file webhook.txt",
    )
    try:
        secret = services.vault.get(name)
    except Refused as error:
        if "disabled" not in str(error).lower():
            raise
        flags = f"--vault-name {vault} --name {name} --enabled true"
        fix = Fix(text="enable it again", command=f"az keyvault secret set-attributes {flags}")
        seen = f"secret {name} is disabled"
        return Finding(name="slack", state="failed", seen=seen, fix=fix)
    if secret is None:
        seen = f"secret {name} is not in the vault"
        return Finding(name="slack", state="failed", seen=seen, fix=put)
    if not SlackWebhook(secret.value, loopback=bool(settings.loopback)).valid:
        seen = f"secret {name} does not hold a Slack webhook's URL"
        return Finding(name="slack", state="failed", seen=seen, fix=put)
    seen = f"secret {name} holds a webhook's URL; nothing was posted"
    return Finding(name="slack", state="ok", seen=seen)


def _storage(services: Services) -> Finding:
    """Writes, reads and deletes a blob, as a run does."""
    blobs, name = services.store.blobs, f"doctor/{uuid.uuid4().hex}"
    container = services.settings.container
    try:
        blobs.write(name, name.encode())
        found = blobs.read(name)
    finally:
        blobs.delete_prefix(name)
    if found is None or found[0] != name.encode():
        seen = (
            f"container {container}: the blob that was read differs from the blob that was written"
        )
        return Finding(name="storage", state="failed", seen=seen, fix=HEALTH)
    seen = f"container {container}: a blob was written, read and deleted"
    return Finding(name="storage", state="ok", seen=seen)
