"""What of a play's output says why it failed."""

from cluster.play_output import failure_lines

BEGUN = """
PLAY [etcd: install] *****************************************************

TASK [etcd : Write the unit] *********************************************
ok: [demo-etcd-0]
changed: [demo-etcd-1]
skipping: [demo-worker-0] => (item=a)
"""
FAILURE = """
TASK [etcd : Start etcd] *************************************************
ok: [demo-etcd-0]
fatal: [demo-etcd-1]: FAILED! => {"msg": "no space left on device"}
"""
AFTERWARDS = "".join(
    f"""
TASK [etcd : Step {n}] ***************************************************
skipping: [demo-etcd-0]
skipping: [demo-worker-{n}]
"""
    for n in range(200)
)
RECAP = """
PLAY RECAP ***************************************************************
demo-etcd-1 : ok=3 changed=1 unreachable=0 failed=1
"""


def test_the_lines_of_hosts_that_did_not_fail_are_left_out_with_their_tasks() -> None:
    assert failure_lines(BEGUN + FAILURE + AFTERWARDS + RECAP).splitlines() == [
        "TASK [etcd : Start etcd] *************************************************",
        'fatal: [demo-etcd-1]: FAILED! => {"msg": "no space left on device"}',
        "",
        "PLAY RECAP ***************************************************************",
        "demo-etcd-1 : ok=3 changed=1 unreachable=0 failed=1",
    ]


def test_an_ignored_failure_is_not_named_as_the_reason() -> None:
    ignored = FAILURE.replace("Start etcd", "Ask etcd").replace("no space", "no etcd")
    found = failure_lines(BEGUN + ignored + "...ignoring\n" + FAILURE)
    assert "no space left" in found
    assert "no etcd" not in found
    assert "Ask etcd" not in found


def test_a_failure_of_several_lines_and_of_an_item_is_whole() -> None:
    output = BEGUN + FAILURE + 'stdout: |\n  ok then\nfailed: [demo-etcd-0] (item=b) => {"rc": 3}\n'
    found = failure_lines(output)
    assert "stdout: |\n  ok then\n" in found
    assert "(item=b)" in found


def test_an_unreachable_host_is_named() -> None:
    line = 'fatal: [demo-worker-0]: UNREACHABLE! => {"msg": "timed out"}\n'
    assert line in failure_lines(BEGUN + line + AFTERWARDS)


def test_output_without_a_failed_task_is_kept_whole() -> None:
    for output in ("", "ERROR! the playbook could not be found\n", BEGUN + AFTERWARDS):
        assert failure_lines(output) == output
