"""The texts of the OpenAPI document that are not a model's: tags, and what each operation does."""

CLUSTERS, RUNS, CONTROLLER, INSTALLATION, DOCUMENTS, PAGE = (
    "Clusters",
    "Operations",
    "Controller",
    "Installation",
    "Documents",
    "Page",
)

TAGS = {
    CLUSTERS: "Create, change, show and remove clusters.",
    CONTROLLER: "The VM that runs the playbook and leads to the Kubernetes API.",
    DOCUMENTS: "Descriptions of the spec and of this API. They need no key.",
    INSTALLATION: "The installation itself, and how callers identify themselves.",
    RUNS: "Follow what the app does to a cluster, and stop it.",
    PAGE: "The page that shows operations in a browser. Its files need no key and contain no data; "
    "what it reads needs a session.",
}

# By the operation's id: its tag, and its description.
OPERATIONS: dict[str, tuple[str, str]] = {
    "listClusters": (
        CLUSTERS,
        "Lists the clusters that the caller may see, in the order of their names. Records that "
        "this version cannot read are listed with the state `unreadable`.",
    ),
    "getCluster": (
        CLUSTERS,
        "Shows a cluster and the progress of its latest operation: phases, nodes, checks and the "
        "cause of a failure.",
    ),
    "putCluster": (
        CLUSTERS,
        "Creates or updates the cluster and returns the operation that does so. If an operation of "
        "the same spec is running, the answer is that operation; another spec gets 409.",
    ),
    "deleteCluster": (
        CLUSTERS,
        "Removes the cluster and everything that was created for it. A running operation is "
        "cancelled first.",
    ),
    "deleteNode": (
        CLUSTERS,
        "Removes one worker and makes its pool smaller by one: the node is cordoned, its pods are "
        "evicted within the spec's `drain`, then its machine is deleted. Control planes, etcd "
        "members and the controller are not removed.",
    ),
    "replaceNode": (
        CLUSTERS,
        "Replaces one node. A worker or a control plane is cordoned and its pods are evicted "
        "within the spec's `drain`; an etcd member leaves etcd first. Then its machine and disks "
        "are deleted, and a machine of the same name joins the cluster. A member is only replaced "
        "while the others are healthy and have a majority without it.",
    ),
    "forgetRecord": (
        CLUSTERS,
        "Moves a record that this version cannot read out of the way. Nothing in Azure is changed.",
    ),
    "getOperation": (
        RUNS,
        "Shows whether an operation runs or how it ended: 202 while it runs, 200 after success, "
        "424 after a failure, 409 if it was cancelled.",
    ),
    "cancelOperation": (
        RUNS,
        "Asks the running operation to stop in order. What it created is kept.",
    ),
    "getEvents": (
        RUNS,
        "Lists the events of one operation in the order of their numbers.",
    ),
    "getTimeline": (
        RUNS,
        "Shows when each deployment, stage and report of one operation began and ended, and which "
        "stages its spec leaves out.",
    ),
    "getLog": (
        RUNS,
        "Returns what a play of one operation wrote, at most 256 KiB at once. Repeat the request "
        "with `after` set to `next` while `more` is true, or while the operation goes on.",
    ),
    "listOperations": (
        RUNS,
        "Lists the operations of a cluster, the latest first, 20 at once. `next` is the value of "
        "`before` that continues the list. Operations that the caller may not read are left out.",
    ),
    "backupCluster": (
        CLUSTERS,
        "Takes a snapshot of etcd, checks it and stores it, then removes the backups beyond those "
        "that the spec keeps. The cluster's state stays as it is. If a backup is running, the "
        "answer is that operation; any other operation gets 409.",
    ),
    "listBackups": (
        CLUSTERS,
        "Lists the backups of a cluster, the newest first. Backups that this version cannot read "
        "are left out.",
    ),
    "restoreBackup": (
        CLUSTERS,
        "Restores a backup: every etcd member gets the data of its snapshot, and what was written "
        "since is lost. The API servers are stopped meanwhile; the old data are kept on the "
        "members. A backup that does not fit or is not whole is refused before anything is "
        "touched. If the same restore is running, the answer is that operation; any other "
        "operation gets 409.",
    ),
    "maintainCluster": (
        CLUSTERS,
        "Takes a backup, runs every stage of the playbook on every machine, which renews "
        "certificates that are due, and examines the cluster. What is found wrong is in "
        "`findings`, and the cluster is `degraded` then. If a maintenance is running, the answer "
        "is that operation; any other operation gets 409, and so does a cluster that is neither "
        "`ready` nor `degraded`.",
    ),
    "rotateCredential": (
        CLUSTERS,
        "Exchanges a credential of the cluster for a new one: `ssh-key` on every machine, "
        "`encryption-key` for Secrets in etcd, all of which are written again, or `kubeconfig` of "
        "the administrator. The old one is refused at the end, and is valid until the new one is "
        "proven. The same request goes on with a rotation that did not end, or joins the one that "
        "runs; any other operation gets 409.",
    ),
    "startController": (
        CONTROLLER,
        "Starts the controller if it does not run. Repeat the request until the answer is 200: it "
        "has all that a tunnel needs.",
    ),
    "stopController": (
        CONTROLLER,
        "Deallocates the controller, unless an operation needs it.",
    ),
    "examineInstallation": (
        INSTALLATION,
        "Examines settings, rights, quotas and services, and says how to fix what it finds.",
    ),
    "getSignIn": (
        INSTALLATION,
        "Says whether callers identify themselves by a function key or by a token of Microsoft "
        "Entra ID, and where tokens are requested.",
    ),
    "getSchema": (
        DOCUMENTS,
        "The JSON Schema (draft 2020-12) of the spec, for editors and validators.",
    ),
    "getOpenapi": (DOCUMENTS, "The description of this API in OpenAPI 3.1."),
    "getPage": (
        PAGE,
        "The HTML document of the page. It asks its reader for a key or a sign-in.",
    ),
    "getSignedIn": (
        PAGE,
        "The same document at the address where a sign-in ends.",
    ),
    "getSession": (PAGE, "Says whether the page has a session, so that it need not ask for a key."),
    "beginSession": (
        PAGE,
        "Exchanges the function key for a session of at most eight hours: a cookie that scripts "
        "cannot read, and that opens nothing but what the page reads. Refused where the "
        "installation takes tokens only.",
    ),
    "endSession": (PAGE, "Ends the session of the page and deletes its cookie."),
    "getPageModule": (PAGE, "One script of the page, of the app's own version only."),
}

# Descriptions of the schemas that are not models.
SCHEMAS = {
    "ClusterState": "State of a cluster. `degraded`: it exists as asked, and `findings` says what "
    "is wrong with it. Readers accept states that they do not know.",
    "ControllerState": "State of the controller VM.",
    "NodeState": "State of a node. `planned`: it does not exist yet. `waiting`: it exists and has "
    "not reported in this operation. `silent`: the operation ended without its report.",
    "OperationState": "State of an operation. `unknown`: neither a result nor the engine says how "
    "it ended.",
    "OperationKind": "`reconcile` creates or updates a cluster, `delete` removes it, `backup` "
    "takes a snapshot of its etcd, `restore` puts one back, `upgrade` gives its nodes a later "
    "version of Kubernetes, `maintain` keeps it well, `rotate` exchanges a credential.",
    "PartState": "State of a deployment or a stage. `stopped`: the operation ended before it did.",
    "PhaseState": "State of a phase.",
    "Role": "What a node is for.",
}
