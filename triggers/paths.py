"""Lists the routes of the HTTP API for the OpenAPI document, with the operations of each."""

from cluster import names
from triggers import view
from triggers.operations import (
    COMPONENT,
    Json,
    free_form,
    in_session,
    operation,
    page_file,
    parameter,
    session,
    sign_in,
)

COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
YES: Json = {"type": "string", "enum": ["true", "false"]}


# What the page reads.
PAGE_READS = ("", "/{name}", "/{name}/events", "/{name}/timeline", "/{name}/operations")


def paths() -> Json:
    """Returns every route of the app with its operations."""
    found = _paths()
    for end in PAGE_READS:
        path = f"/clusters{end}"
        found[f"/session{path}"] = {"get": in_session(found[path]["get"], path)}
    return found


def _paths() -> Json:
    """Returns every route but those of what the page reads."""
    pattern = f"^{names.CLUSTER_NAME.pattern}$"
    name = parameter(
        "name", "path", {"type": "string", "pattern": pattern}, "The cluster's name.", "demo"
    )
    after = parameter("after", "query", COUNT, "Only events with a larger `seq`.")
    generation = parameter(
        "generation",
        "query",
        COUNT,
        "Number of the operation. Default: the latest. 0: the group's tag.",
    )
    play = parameter(
        "play", "query", COUNT | {"minimum": 1}, "Number of the play. Default: the last one."
    )
    position = parameter("after", "query", COUNT, "Only text behind this position, in bytes.")
    before = parameter(
        "before", "query", COUNT | {"minimum": 1}, "Only operations with a smaller number."
    )
    run = parameter("generation", "path", COUNT | {"minimum": 1}, "Number of the operation.", 1)
    plan = parameter("plan", "query", YES, "`true`: only show what would be done.")
    adopt = parameter("adopt", "query", YES, "`true`: make a lost record anew.")
    full = parameter("full", "query", YES, "`true`: run every stage on every machine.")
    force = parameter("force", "query", YES, "`true`: delete pods that cannot be evicted in time.")
    deleted = parameter("deleted", "query", YES, "`true`: list removed clusters, too.")
    node = parameter("node", "path", {"type": "string"}, "The node's name.", "demo-worker-2")
    numbers: Json = {"type": "string", "pattern": "^[0-9]{1,12}$"}
    backup = parameter("backup", "path", numbers, "Id of the backup, as in the list.", "000012")
    credential = parameter(
        "credential",
        "path",
        {"type": "string", "enum": [*names.CREDENTIALS]},
        "What is rotated.",
        names.SSH_KEY,
    )
    text = {"type": "string", "minLength": 1}
    places = [
        parameter("location", "query", text, "Examine this region, too.", "westeurope"),
        parameter("group", "query", text, "Examine the rights in this resource group."),
        parameter("cluster", "query", text, "Examine what this cluster needs.", "demo"),
    ]
    cluster = "/clusters/{name}"
    return {
        "/clusters": {"get": operation("listClusters", "List clusters", (), [deleted])},
        cluster: {
            "get": operation("getCluster", "Show a cluster", (404,), [name]),
            "put": operation(
                "putCluster",
                "Create or change a cluster; with `plan=true`, only plan it; with `adopt=true`, "
                "make its lost record anew from what carries its uid; with `full=true`, run every "
                "stage on every machine",
                (409, 411, 413, 415),
                [name, plan, adopt, full],
            )
            | {"requestBody": _spec_body()},
            "delete": operation("deleteCluster", "Delete a cluster", (404, 409), [name]),
        },
        f"{cluster}/nodes/{{node}}": {
            "delete": operation(
                "deleteNode",
                "Remove a worker: cordon it, evict its pods, delete its machine; with "
                "`force=true`, delete pods that cannot be evicted",
                (404, 409),
                [name, node, force],
            )
        },
        f"{cluster}/nodes/{{node}}/replace": {
            "post": operation(
                "replaceNode",
                "Replace a node: empty it, delete its machine, make one of the same name; with "
                "`force=true`, delete pods that cannot be evicted",
                (404, 409),
                [name, node, force],
            )
        },
        f"{cluster}/events": {
            "get": operation(
                "getEvents", "Events of an operation", (404, 409), [name, after, generation]
            )
        },
        f"{cluster}/timeline": {
            "get": operation(
                "getTimeline",
                "When each part of an operation began and ended",
                (404, 409),
                [name, generation],
            )
        },
        f"{cluster}/view": {
            "get": page_file(
                "getPage",
                "A page that shows an operation; it asks for the key",
                "text/html",
                [name],
            )
        },
        "/view/signed-in": {
            "get": page_file("getSignedIn", "The page, at the end of a sign-in", "text/html", [])
        },
        f"/{view.MODULE_ROUTE}": {"get": _page_module()},
        f"{cluster}/cancel": {
            "post": operation("cancelOperation", "Cancel the operation", (404, 409), [name])
        },
        f"{cluster}/controller/start": {
            "post": operation(
                "startController",
                "Start the controller, for a connection through it",
                (404, 409),
                [name, parameter("node", "query", text, "Say how to reach this node, too.")],
            )
        },
        f"{cluster}/controller/stop": {
            "post": operation("stopController", "Deallocate the controller", (404, 409), [name])
        },
        f"{cluster}/forget": {
            "post": operation(
                "forgetRecord",
                "Move a record that cannot be read out of the way; `confirm` repeats the name",
                (404, 409),
                [name, parameter("confirm", "query", {"type": "string"}, "The name, again.")],
            )
        },
        f"{cluster}/log": {
            "get": operation(
                "getLog", "What a play wrote", (404, 409), [name, generation, play, position]
            )
        },
        f"{cluster}/backups": {
            "get": operation("listBackups", "List a cluster's backups", (404,), [name]),
            "post": operation("backupCluster", "Back up a cluster's etcd", (404, 409), [name]),
        },
        f"{cluster}/backups/{{backup}}/restore": {
            "post": operation(
                "restoreBackup", "Restore a backup into its cluster", (404, 409), [name, backup]
            )
        },
        f"{cluster}/credentials/{{credential}}/rotate": {
            "post": operation(
                "rotateCredential",
                "Exchange a credential of a cluster for a new one",
                (404, 409),
                [name, credential],
            )
        },
        f"{cluster}/maintenance": {
            "post": operation("maintainCluster", "Maintain a cluster", (404, 409), [name]),
        },
        f"{cluster}/operations": {
            "get": operation("listOperations", "Operations of a cluster", (404,), [name, before])
        },
        f"{cluster}/operations/{{generation}}": {
            "get": operation(
                "getOperation", "Follow an operation to its end", (404, 409, 424), [name, run]
            )
        },
        "/doctor": {
            "get": operation("examineInstallation", "Examine the installation", (), places)
        },
        "/session": {
            "get": session("getSession", "Whether the page has a session"),
            "post": operation("beginSession", "Begin a session of the page", (), []),
            "delete": session("endSession", "End the session of the page"),
        },
        "/sign-in": {"get": sign_in()},
        "/schema": {"get": free_form("getSchema", "JSON Schema of the spec")},
        "/openapi.json": {"get": free_form("getOpenapi", "This document")},
    }


def _spec_body() -> Json:
    schema = {"$ref": COMPONENT.format(model="ClusterSpec")}
    kinds = ("application/json", "application/yaml")
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


def _page_module() -> Json:
    version, module = r"^[0-9a-f]{16}$", r"^[a-z]+\.mjs$"
    parameters = [
        parameter(
            "version", "path", {"type": "string", "pattern": version}, "Version of the scripts."
        ),
        parameter(
            "module", "path", {"type": "string", "pattern": module}, "File name.", "main.mjs"
        ),
    ]
    return page_file(
        "getPageModule",
        "A script of that page, of the app's own version only",
        "text/javascript",
        parameters,
        (404,),
    )
