"""verify_cluster: queries the running systems; each answer becomes a check."""

from unittest.mock import patch

from clients.ssh.controller import Completed
from cluster.contracts import VERIFY_CLUSTER
from cluster.roles import ETCD
from lab.simulation.connections import Node
from tests.activities.world import World


def test_every_check_of_a_sound_cluster_is_recorded(world: World) -> None:
    world.deployed()
    world.later(1000.0)
    answer = world.call(VERIFY_CLUSTER)
    assert (answer.state, answer.failed) == ("done", 0)
    assert answer.total == len(answer.checks)
    assert any(check.name.startswith("etcd") for check in answer.checks)


def test_a_program_that_fails_on_one_node_is_a_failed_check_with_its_words(world: World) -> None:
    plan = world.deployed()
    world.later(1000.0)
    one = next(slot.name for slot in plan.nodes if slot.role == ETCD)
    sound = Node.run

    def run(node: Node, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        if node.name == one:
            return Completed(1, b"", b"unhealthy member")
        return sound(node, argv, stdin, timeout)

    with patch.object(Node, "run", run):
        answer = world.call(VERIFY_CLUSTER)
    failed = [check for check in answer.checks if not check.ok]
    assert answer.failed == len(failed) > 0
    assert "unhealthy member" in failed[0].detail
