"""SSH's spans, against a real sshd: the host and the operation, without any content."""

from pathlib import Path

from clients.ssh.controller import SshController
from cluster import keys
from telemetry import spans
from telemetry.names import Attribute
from tests.clients.ssh import sshd
from tests.telemetry.heard import Heard


def test_connections_and_commands_have_spans_without_arguments(
    heard: Heard, tmp_path: Path
) -> None:
    key = keys.new_ssh_key()
    server = sshd.start(tmp_path / "s", keys.public_half(key))
    try:
        with (
            spans.operation("demo", 7),
            SshController("127.0.0.1", server.user, key, server.host_key, server.port) as there,
        ):
            done = there.run(["sh", "-c", "cat; exit 3", "argument-of-a-test"], b"input-of-a-test")
    finally:
        server.stop()
    assert (done.exit, done.stdout) == (3, b"input-of-a-test")
    told = {span.name: dict(span.attributes or {}) for span in heard.spans}
    assert set(told) == {"ssh connect", "ssh run"}
    assert {fields[Attribute.OPERATION] for fields in told.values()} == {"demo-000007"}
    assert {fields["server.address"] for fields in told.values()} == {"127.0.0.1"}
    assert (told["ssh run"][Attribute.PROGRAM], told["ssh run"][Attribute.EXIT]) == ("sh", 3)
    assert b"of-a-test" not in heard.everything()
