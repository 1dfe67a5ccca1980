"""Describes the state of a cluster in words."""

from cluster.api import ClusterDetail, ClusterSummary
from cluster.api_health import ClusterFinding


def state_text(cluster: ClusterDetail | ClusterSummary) -> str:
    """Returns the state, and after which stage the play ends if it leaves out stages."""
    last = cluster.stops_after
    return f"{cluster.state}, stops after: {last}" if last else cluster.state


def missing_part(cluster: ClusterDetail) -> str:
    """Returns what a cluster lacks whose play leaves out stages, or "" if it lacks nothing."""
    if not cluster.stops_after:
        return ""
    lacks = "not verified" if cluster.access else "without Kubernetes"
    return (
        f"{cluster.name} is {lacks}: its play stops after the stage {cluster.stops_after} "
        "(playbook.through of the spec, or the installation's default)"
    )


def finding_text(found: ClusterFinding) -> str:
    """Returns a finding in one line: what, where, what was seen, what to do."""
    where = f" {found.subject}" if found.subject else ""
    detail = f": {found.detail}" if found.detail else ""
    step = f"; next: {found.next_step}" if found.next_step else ""
    return f"✘ {found.code}{where}{detail}{step}"
