"""Activities start_play and stop_play: start the playbook detached on the controller, and stop
it."""

import json
import uuid
from typing import TYPE_CHECKING, Any

from activities.bundle import Bundle, playbook_bundle
from activities.cluster_secrets import ETCD, FRONT_PROXY, KUBERNETES, ClusterSecrets
from activities.controller_ssh import Controller, controller, public_api_address
from activities.play_log import keep_rest_of_log
from activities.registration import activity
from clients.controller_login import cluster_key
from clients.errors import Refused, Transient
from clients.services import services
from cluster import names
from cluster.concern import PlayScope
from cluster.contracts import START_PLAY, STOP_PLAY, PlayInput, PlayStart
from cluster.inventory import render_inventory, with_scope
from cluster.outcomes import Outcome, cut
from cluster.plan import Plan
from planning.play_scope import begin_play, play_scope

if TYPE_CHECKING:
    from clients.ssh.controller import SshController

COMMAND_SECONDS = 45.0
OFF = ("deallocated", "deallocating", "stopped", "stopping")
# The directory of archives on the controller.
UPLOADS = "/tmp"  # nosec B108  # noqa: S108 -- on the controller; the digest is checked there
# Arguments: the digest, the archive, the directory of the bundles. The script unpacks the bundle
# into a temporary directory and renames it. Remnants of a killed execution (an archive, a part of
# one, a partly unpacked bundle) are removed if they are older than any execution that may still
# run.
UNPACK = """set -eu
trap 'rm -f "$2"' EXIT
find "$(dirname "$2")" -maxdepth 1 -type f -name 'slipway-*.tar.gz*' -mmin +15 -delete || :
test ! -d "$3/$1" || exit 0
echo "$1  $2" | sha256sum --quiet -c -
mkdir -p "$3"
find "$3" -maxdepth 1 -name '.part.*' -mmin +15 -exec rm -rf {} + || :
part="$(mktemp -d "$3/.part.XXXXXX")"
tar -xzf "$2" -C "$part"
chmod 755 "$part"
mv -T "$part" "$3/$1" 2>/dev/null || rm -rf "$part"
test -d "$3/$1"
"""


@activity(START_PLAY)
def start_play(ref: PlayInput) -> PlayStart:
    """Starts the play on the machines that it concerns, unless there are none. A repeat finds the
    play by its run id, running or finished, and its scope in the run's blobs.

    Secrets go through standard input into the memory of the controller, never into arguments.
    """
    plan = services().store.need_plan(ref)
    inventory = play_inventory(plan, names.play_run_id(ref.cluster, ref.generation, ref.attempt))
    scope = _scope(ref, plan, inventory)
    if scope.stages:
        begin_play(plan, scope)
        with controller(plan) as connection:
            launch(connection, ref, inventory, scope)
    return PlayStart(
        machines=len(scope.machines),
        whole=scope.whole,
        stages=tuple(stage for stage in plan.spec.stages if stage in scope.running),
    )


def launch(
    connection: Controller, ref: PlayInput, inventory: dict[str, Any], scope: PlayScope
) -> None:
    """Starts the attempt's play, unless it was started before."""
    bundle = playbook_bundle()
    _stage(connection.ssh, bundle)
    content = _request(connection, with_scope(inventory, scope))
    run_id = names.play_run_id(ref.cluster, ref.generation, ref.attempt)
    play(connection.ssh, bundle, ["start", "--run", run_id], json.dumps(content).encode())


def _scope(ref: PlayInput, plan: Plan, inventory: dict[str, Any]) -> PlayScope:
    store = services().store
    known = store.play_scope(ref)
    if known is not None:
        return known
    whole = plan.full or not ref.concerned_only
    return store.keep_play_scope(ref, play_scope(plan, inventory, whole=whole))


@activity(STOP_PLAY)
def stop_play(ref: PlayInput) -> Outcome:
    """Stops the play and copies the rest of its log. Nobody polls it afterwards.

    A controller that is off runs no play. A turn that fails the run and deallocates the controller
    may be repeated with a cancel that arrived meanwhile; then the run stops its play after that.
    """
    plan = services().store.need_plan(ref)
    run_id = names.play_run_id(ref.cluster, ref.generation, ref.attempt)
    try:
        with controller(plan) as connection:
            bundle, ssh = playbook_bundle(), connection.ssh
            play(ssh, bundle, ["stop", "--run", run_id])
            keep_rest_of_log(ref, lambda arguments: play(ssh, bundle, arguments))
    except Transient:
        if is_on(plan):
            raise
    return Outcome()


def is_on(plan: Plan) -> bool:
    """Returns whether the controller may run a play. Azure may not know the state of a VM."""
    vm = services().compute.vm(plan.group, plan.controller.name)
    return vm is not None and vm.power_state not in OFF


def play(
    ssh: "SshController", bundle: Bundle, arguments: list[str], stdin: bytes = b""
) -> dict[str, Any]:
    """Runs the bundle's program on the controller and returns its answer.

    If the app was upgraded during the run, the new bundle is not on the controller yet and is
    copied first.

    Raises:
        Transient: the controller does not answer in time.
        Refused: ControllerCommandFailed, StagingFailed, CopyRefused.
    """
    command = ["sudo", "python3", f"{bundle.directory}/controller/play.py", *arguments]
    done = ssh.run(command, stdin=stdin, timeout=COMMAND_SECONDS)
    if done.exit != 0 and _stage(ssh, bundle):
        done = ssh.run(command, stdin=stdin, timeout=COMMAND_SECONDS)
    if done.exit != 0:
        text = done.stderr.decode(errors="replace").strip()
        raise Refused("ControllerCommandFailed", cut(f"{arguments[0]}: {text}", 1000), [])
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Transient("the controller's answer was cut off", None) from None


def _stage(ssh: "SshController", bundle: Bundle) -> bool:
    """Copies the bundle to the controller, complete or not at all. Returns False if it is there
    already."""
    probe = ssh.run(["test", "-d", bundle.directory], timeout=COMMAND_SECONDS)
    if probe.exit == 0:
        return False
    # Each execution has an archive of its own, so that two at the same time do not share one. Its
    # name need not be secret: the archive is checked against its digest.
    archive = f"{UPLOADS}/slipway-{bundle.digest}.{uuid.uuid4().hex}.tar.gz"
    ssh.put(archive, bundle.data, 0o600)
    parent = bundle.directory.rpartition("/")[0]
    done = ssh.run(
        ["sudo", "sh", "-c", UNPACK, "stage", bundle.digest, archive, parent],
        timeout=COMMAND_SECONDS,
    )
    if done.exit != 0:
        text = done.stderr.decode(errors="replace").strip()
        raise Refused("StagingFailed", cut(f"the playbook could not be unpacked: {text}", 1000), [])
    return True


def _request(connection: Controller, inventory: dict[str, Any]) -> dict[str, Any]:
    plan = connection.plan
    secrets = ClusterSecrets.of(plan)
    settings = services().settings
    return {
        "inventory": inventory,
        "privateKey": cluster_key(services().vault, plan.cluster, plan.uid),
        "knownHosts": connection.known_hosts,
        "files": _files(secrets, plan),
        "deadlineSeconds": settings.play_deadline_seconds,
    }


def play_inventory(plan: Plan, run_id: str) -> dict[str, Any]:
    """Returns the inventory of a play, without its groups of stages."""
    return render_inventory(plan, run_id, services().settings.ansible_variables | _known(plan))


def _known(plan: Plan) -> dict[str, Any]:
    """Returns the values that Azure assigned and that the plan could not know."""
    address = public_api_address(plan)
    return {"slipway_api_public_addresses": [address] if address else []}


def _files(secrets: ClusterSecrets, plan: Plan) -> dict[str, str]:
    """Returns the secret files for the stages of this play, by path below the run's directory."""
    authorities = {"etcd-ca": ETCD}
    files: dict[str, str] = {}
    if "control-plane" in plan.spec.stages:
        authorities |= {"cluster-ca": KUBERNETES, "front-proxy-ca": FRONT_PROXY}
        private, public = secrets.ensure_signing_pair()
        files = {
            "pki/service-account.key": private,
            "pki/service-account.pub": public,
            "pki/encryption.yml": secrets.ensure_encryption_keys().configuration,
        }
    for file, authority in authorities.items():
        files[f"pki/{file}.key"], files[f"pki/{file}.crt"] = secrets.ensure_authority(authority)
    return files
