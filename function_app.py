"""The composition root: registers triggers, orchestrators and activities. No logic lives here."""

from functools import partial

import azure.functions as func

import activities
from activities.delete_cluster import awaiting_runs
from clients.azure.credentials import credential
from cluster.contracts import (
    AWAIT_PREVIOUS_RUN,
    BACKUP_CLUSTER,
    DELETE_CLUSTER,
    MAINTAIN_CLUSTER,
    RECONCILE_CLUSTER,
    REPLACE_NODES,
    RESTORE_CLUSTER,
    ROTATE_CREDENTIAL,
    UPGRADE_CLUSTER,
)
from orchestrators.backup_cluster import backup_cluster
from orchestrators.delete_cluster import delete_cluster
from orchestrators.maintain_cluster import maintain_cluster
from orchestrators.reconcile_cluster import reconcile_cluster
from orchestrators.replace_nodes import replace_nodes
from orchestrators.restore_cluster import restore_cluster
from orchestrators.rotate_credential import rotate_credential
from orchestrators.upgrade_cluster import upgrade_cluster
from telemetry import exporters, log_levels
from triggers import (
    aging,
    backups,
    clusters,
    controllers,
    doctor,
    documents,
    forget,
    groups,
    histories,
    logs,
    maintenance,
    node_removal,
    node_replacement,
    operation_list,
    page_session,
    removal,
    rotation,
    sign_in,
    view,
)
from triggers.access import key_level
from triggers.app import ConcurrentApp

log_levels.set_levels()
exporters.start(partial(credential, loopback=False))
app = ConcurrentApp(http_auth_level=key_level())

app.orchestration_trigger(context_name="context", orchestration=RECONCILE_CLUSTER)(
    reconcile_cluster
)
app.orchestration_trigger(context_name="context", orchestration=DELETE_CLUSTER)(delete_cluster)
app.orchestration_trigger(context_name="context", orchestration=BACKUP_CLUSTER)(backup_cluster)
app.orchestration_trigger(context_name="context", orchestration=REPLACE_NODES)(replace_nodes)
app.orchestration_trigger(context_name="context", orchestration=RESTORE_CLUSTER)(restore_cluster)
app.orchestration_trigger(context_name="context", orchestration=UPGRADE_CLUSTER)(upgrade_cluster)
app.orchestration_trigger(context_name="context", orchestration=MAINTAIN_CLUSTER)(maintain_cluster)
app.orchestration_trigger(context_name="context", orchestration=ROTATE_CREDENTIAL)(
    rotate_credential
)

for activity in activities.ALL:
    register = app.activity_trigger(input_name="payload", activity=activity.contract.name)
    if activity.contract is AWAIT_PREVIOUS_RUN:
        app.durable_client_input(client_name="client")(register(removal.with_engine(awaiting_runs)))
    else:
        register(activity)

CLUSTER = "clusters/{name}"
for function, route, method, durable in (
    (clusters.put_cluster, CLUSTER, "PUT", True),
    (clusters.get_cluster, CLUSTER, "GET", True),
    (clusters.remove_cluster, CLUSTER, "DELETE", True),
    (node_removal.delete_node, f"{CLUSTER}/nodes/{{node}}", "DELETE", True),
    (node_replacement.replace_node, f"{CLUSTER}/nodes/{{node}}/replace", "POST", True),
    (clusters.list_clusters, "clusters", "GET", True),
    (clusters.get_events, f"{CLUSTER}/events", "GET", False),
    (clusters.get_timeline, f"{CLUSTER}/timeline", "GET", True),
    (clusters.cancel_cluster, f"{CLUSTER}/cancel", "POST", True),
    (controllers.post_controller_start, f"{CLUSTER}/controller/start", "POST", False),
    (controllers.post_controller_stop, f"{CLUSTER}/controller/stop", "POST", False),
    (forget.post_forget, f"{CLUSTER}/forget", "POST", False),
    (operation_list.list_operations, f"{CLUSTER}/operations", "GET", True),
    (clusters.get_operation, f"{CLUSTER}/operations/{{generation}}", "GET", True),
    (backups.post_backup, f"{CLUSTER}/backups", "POST", True),
    (backups.list_backups, f"{CLUSTER}/backups", "GET", False),
    (backups.post_restore, f"{CLUSTER}/backups/{{backup}}/restore", "POST", True),
    (rotation.post_rotation, f"{CLUSTER}/credentials/{{credential}}/rotate", "POST", True),
    (maintenance.post_maintenance, f"{CLUSTER}/maintenance", "POST", True),
    (logs.get_log, f"{CLUSTER}/log", "GET", False),
    (doctor.get_doctor, "doctor", "GET", True),
    (page_session.post_session, "session", "POST", False),
):
    registered = app.durable_client_input(client_name="client")(function) if durable else function
    app.route(route=route, methods=[method], trigger_arg_name="req")(registered)

# What is the same for everybody: the documents of the API, and a page without data, which asks for
# the key or a token.
for function, route in (
    (documents.get_schema, "schema"),
    (documents.get_openapi, "openapi.json"),
    (sign_in.get_sign_in, "sign-in"),
    (view.get_view, f"{CLUSTER}/view"),
    (view.get_signed_in, "view/signed-in"),
    (view.get_view_module, view.MODULE_ROUTE),
    (page_session.get_session, "session"),
):
    app.route(
        route=route,
        methods=["GET"],
        trigger_arg_name="req",
        auth_level=func.AuthLevel.ANONYMOUS,
    )(function)

app.route(
    route="session",
    methods=["DELETE"],
    trigger_arg_name="req",
    auth_level=func.AuthLevel.ANONYMOUS,
)(page_session.delete_session)

# What the page reads. The host asks for no key, because the app asks for a session.
for function, route, durable in (
    (clusters.list_clusters, "clusters", True),
    (clusters.get_cluster, CLUSTER, True),
    (clusters.get_events, f"{CLUSTER}/events", False),
    (clusters.get_timeline, f"{CLUSTER}/timeline", True),
    (operation_list.list_operations, f"{CLUSTER}/operations", True),
):
    read = page_session.in_session(function)
    registered = app.durable_client_input(client_name="client")(read) if durable else read
    app.route(
        route=f"session/{route}",
        methods=["GET"],
        trigger_arg_name="req",
        auth_level=func.AuthLevel.ANONYMOUS,
    )(registered)

app.event_grid_trigger(arg_name="event")(
    app.durable_client_input(client_name="client")(groups.on_group_event)
)

for schedule, function in (
    (histories.SCHEDULE, histories.purge_histories),
    (aging.SCHEDULE, aging.remove_old_records),
    (maintenance.SCHEDULE, maintenance.maintain_clusters),
):
    app.timer_trigger(arg_name="timer", schedule=schedule)(
        app.durable_client_input(client_name="client")(function)
    )
