"""The activities: each one has one side effect. Every activity may run twice and finds its own
earlier work."""

from activities.assess_upgrade import assess_upgrade
from activities.check_preflight import check_preflight
from activities.control_api_servers import (
    await_kubelets,
    start_api_servers,
    stop_api_servers,
)
from activities.control_controller import start_controller, stop_controller
from activities.delete_cluster import await_previous_run, delete_resources, delete_secrets
from activities.delete_machines import delete_machines
from activities.drain_nodes import drain_nodes, forget_nodes, return_nodes
from activities.ensure_group import ensure_group
from activities.ensure_keys import ensure_keys
from activities.examine_machines import examine_machines
from activities.finish_run import finish_run
from activities.plan_backup import plan_backup
from activities.plan_cluster import plan_cluster
from activities.plan_maintenance import plan_maintenance
from activities.plan_restore import plan_restore
from activities.plan_rotation import plan_rotation
from activities.plan_turn import plan_turn
from activities.poll_deployments import cancel_deployments, poll_deployments
from activities.poll_play import poll_play
from activities.probe_nodes import probe_nodes
from activities.prune_backups import prune_backups
from activities.record_events import post_slack, record_events
from activities.registration import Registered
from activities.replace_members import check_members, release_members
from activities.restart_nodes import restart_node, vacate_node
from activities.restore_data import (
    prepare_restore,
    replace_data,
    start_members,
    undo_restore,
)
from activities.rotate_credential import (
    add_credential,
    prove_credential,
    retire_credential,
    rewrite_secrets,
    use_credential,
)
from activities.run_upgrade import begin_upgrade, end_upgrade, start_upgrade
from activities.security_updates import find_updates, install_updates
from activities.start_deployment import start_deployment
from activities.start_play import start_play, stop_play
from activities.take_backup import take_backup
from activities.upgrade_nodes import drain_node, next_upgrade, return_node
from activities.verify_cluster import verify_cluster
from activities.wake_nodes import wake_nodes

ALL: tuple[Registered, ...] = (
    add_credential,
    await_kubelets,
    assess_upgrade,
    await_previous_run,
    begin_upgrade,
    cancel_deployments,
    check_members,
    check_preflight,
    delete_machines,
    delete_resources,
    delete_secrets,
    drain_node,
    drain_nodes,
    end_upgrade,
    ensure_group,
    ensure_keys,
    finish_run,
    forget_nodes,
    next_upgrade,
    plan_backup,
    plan_maintenance,
    find_updates,
    install_updates,
    vacate_node,
    restart_node,
    examine_machines,
    plan_cluster,
    plan_turn,
    plan_restore,
    plan_rotation,
    prove_credential,
    retire_credential,
    rewrite_secrets,
    use_credential,
    poll_deployments,
    poll_play,
    post_slack,
    prepare_restore,
    probe_nodes,
    prune_backups,
    record_events,
    release_members,
    replace_data,
    return_node,
    return_nodes,
    start_api_servers,
    start_controller,
    start_deployment,
    start_members,
    start_play,
    stop_api_servers,
    start_upgrade,
    stop_controller,
    stop_play,
    take_backup,
    undo_restore,
    verify_cluster,
    wake_nodes,
)
