"""Checks the installation from inside, and its connection to one cluster's controller."""

import re
from functools import partial
from typing import Any

import azure.functions as func
from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from clients.settings import Settings, SettingsError
from cluster import names
from cluster.access import AppRole
from cluster.api_requests import InstallationFinding, InstallationReport
from cluster.findings import Finding, Fix, is_well
from cluster.plan import make_plan
from cluster.profiles import load_profiles
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from doctor.controller import allowed_sources_fix, check_login, recreate_fix
from doctor.event_grid import group_events
from doctor.fixes import Installation
from doctor.runner import DoctorCheck, run_checks
from doctor.services import NOBODY, checks
from doctor.versions import versions
from runs.engine import DurableEngine, EngineAwayError
from triggers.access import access_settings, verifier
from triggers.endpoint import endpoint
from triggers.parameters import text
from triggers.requests import not_a_name, reply

NEW = ClusterRecord(name=NOBODY, uid="00000000", generation=1)


@endpoint("location", "group", "cluster", needs=AppRole.ADMINISTRATOR, slow=lambda _: True)
def get_doctor(req: func.HttpRequest, client: SyncDurableFunctionsClient) -> func.HttpResponse:
    """Answers 200 with the findings, also with failed ones: the request succeeds if the checks ran.

    `location` and `group` are the place of a planned cluster (default: the spec's default).
    `cluster` names the cluster whose controller is checked.
    """
    installation = Installation.from_env()
    engine = DoctorCheck(
        partial(_engine, DurableEngine(client), installation), installation.publish
    )
    always = {"versions": DoctorCheck(versions, installation.publish), "engine": engine}
    try:
        found = services()
    except (SettingsError, ImportError) as error:
        return _reply([_unusable(error, installation), *run_checks(always, installation)])
    plan = make_plan(parse_spec(_smallest(req)), NEW, [])
    grouped = bool(text(req, "group"))
    wanted = {
        "access": DoctorCheck(access_finding, tenant_fix(installation), tenant_fix(installation)),
        "settings": DoctorCheck(
            partial(settings_finding, found.settings, installation), installation.publish
        ),
        **always,
        **checks(found, plan, installation, in_group=grouped),
        "controller": _controller(req, installation),
        "events": DoctorCheck(partial(group_events, found, installation), installation.redeploy),
    }
    return _reply(run_checks(wanted, installation))


def _reply(findings: list[Finding]) -> func.HttpResponse:
    found = tuple(
        InstallationFinding(**finding.model_dump(), mend=finding.fix) for finding in findings
    )
    return reply(InstallationReport(well=is_well(findings), findings=found))


def _unusable(error: SettingsError | ImportError, installation: Installation) -> Finding:
    """Returns the finding for missing settings or packages. Without them, no service can be
    checked."""
    if isinstance(error, ImportError):
        seen = f"the package {error.name or 'that it needs'} cannot be loaded"
        return Finding(name="packages", state="failed", seen=seen, fix=installation.publish)
    fix = installation.setting("NAME=VALUE", "local.settings.example.json has each setting's form")
    return Finding(name="settings", state="failed", seen=str(error), fix=fix)


def settings_finding(settings: Settings, installation: Installation) -> Finding:
    """Checks settings that are read only when they are used, and settings that may be missing."""
    try:
        load_profiles(settings.profiles)
    except (ValueError, AttributeError):
        # The error's text quotes what it read.
        fix = installation.setting(
            "SLIPWAY_PROFILES=JSON", "JSON: profiles by name (docs/install.md, step 3)"
        )
        seen = "SLIPWAY_PROFILES is not a JSON object of profiles: no tagged group starts anything"
        return Finding(name="settings", state="failed", seen=seen, fix=fix)
    if not settings.allowed_sources and not settings.loopback:
        fix = installation.setting(
            "SLIPWAY_ALLOWED_SOURCES=ADDRESS/32", "ADDRESS: of the installation's NAT gateway"
        )
        seen = "SLIPWAY_ALLOWED_SOURCES is empty: no controller lets this app in"
        return Finding(name="settings", state="warning", seen=seen, fix=fix)
    seen = f"all are there; subscription {settings.subscription_id}"
    return Finding(name="settings", state="ok", seen=seen)


def access_finding() -> Finding:
    """Checks how callers identify themselves, and that tokens can be verified."""
    found = access_settings()
    if not found.reads_tokens:
        seen = "by function keys: each opens everything, and callers are not known"
        return Finding(name="access", state="ok", seen=seen)
    keys = verifier(found).refresh()
    seen = f"{found.access}: tokens of tenant {found.tenant} for {found.client_id}; {keys} keys"
    if found.bounds:
        seen += f"; {len(found.bounds)} role bounds"
    return Finding(name="access", state="ok", seen=seen)


def tenant_fix(installation: Installation) -> Fix:
    return installation.setting(
        "SLIPWAY_ENTRA_TENANT_ID=TENANT",
        "nobody can sign in: TENANT is the directory of the app registration ('az account show "
        "--query tenantId'); login.microsoftonline.com must be reached",
    )


def _engine(engine: DurableEngine, installation: Installation) -> Finding:
    """Asks for an instance that does not exist. A working backend answers that it does not
    exist."""
    try:
        engine.status(NOBODY)
    except EngineAwayError as error:
        fix = Fix(
            text="no operation can start: check that the backend runs and that the identity has "
            "its rights there (docs/operations.md); then restart the app",
            command=f"az functionapp restart -g {installation.group} -n {installation.app}",
        )
        seen = f"the durable backend answers {error.code}"
        return Finding(name="engine", state="failed", seen=seen, fix=fix)
    return Finding(name="engine", state="ok", seen="the durable backend answers")


def _controller(req: func.HttpRequest, installation: Installation) -> DoctorCheck:
    name = text(req, "cluster")
    if name and not re.fullmatch(names.CLUSTER_NAME, name):
        raise not_a_name("cluster", name)
    return DoctorCheck(
        partial(_way, name),
        recreate_fix(name),
        allowed_sources_fix(installation),
    )


def _way(name: str) -> Finding:
    found = services().store.record(name) if name else None
    if found:
        return check_login(services(), found[0])
    seen = f"no cluster '{name}'" if name else "name a cluster, and its controller is tried"
    return Finding(name="controller", state="notChecked", seen=seen)


def _smallest(req: func.HttpRequest) -> dict[str, Any]:
    """Returns a spec with one machine of each kind. The sizes are the defaults."""
    spec: dict[str, Any] = {
        "name": NOBODY,
        "etcd": {"count": 1},
        "workers": [{"name": "worker", "count": 1}],
    }
    for field, parameter in (("location", "location"), ("resourceGroup", "group")):
        if value := text(req, parameter):
            spec[field] = value
    return spec
