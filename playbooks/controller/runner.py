"""Runs the play with ansible-runner, writes its events and output, and serves artifacts."""

import functools
import json
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO

import ansible_runner
import inventory_file
from events import Writer
from long_output import remove_of_earlier_runs
from paths import Run
from stages import stages_of_plays
from unit import BUNDLE

ARTIFACTS = Path("/var/lib/slipway/artifacts")
ARTIFACTS_PORT = 8480
WATCH_SECONDS = 1.0
# ansible-runner's status of a play that got SIGTERM: at a deadline, a reboot or a stop.
ENDED_FROM_OUTSIDE = "canceled"


def run(where: Run) -> int:
    """Runs site.yml and returns its exit code.

    The result is written last: when it exists, events and log are complete. The result of a play
    that was ended from outside is written by `unit.conclude`, which knows the reason. The traceback
    of an error of this program is in the play's log, of which the run's cause has the end.
    """
    written = {"mode": "a", "encoding": "utf-8", "errors": "replace"}
    with where.events.open(**written) as events, where.log.open(**written) as log:
        try:
            return _run(where, events, log)
        except Exception:
            log.write(traceback.format_exc())
            raise


def _run(where: Run, events: TextIO, log: TextIO) -> int:
    asked = json.loads((where.memory / "inventory.json").read_text(encoding="utf-8"))
    inventory_file.write(asked, where.memory / "inventory.yml")
    server = _serve(asked["all"]["vars"]["slipway_controller_address"])
    remove_of_earlier_runs(where.disk.parent, where.whole.name)
    writer = Writer(events, log, _stages(BUNDLE, log), where.whole)
    with _long_tasks_written(writer):
        outcome = ansible_runner.run(
            private_data_dir=str(where.memory),
            project_dir=str(BUNDLE),
            playbook="site.yml",
            inventory=str(where.memory / "inventory.yml"),
            cmdline=f"--private-key {where.memory / 'id'}",
            envvars=_environment(where),
            event_handler=writer,
            quiet=True,
            ident="play",
        )
    server.shutdown()
    code = int(outcome.rc or 0)
    if outcome.status == ENDED_FROM_OUTSIDE:
        return code
    if outcome.status != "successful" and code == 0:
        code = 1
    where.save_result(code)
    return code


@contextmanager
def _long_tasks_written(writer: Writer) -> Iterator[None]:
    """Writes a task that runs for long before its first result, while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_SECONDS):
            writer.write_if_quiet()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _stages(playbooks: Path, log: TextIO) -> dict[str, str]:
    """The stage of each play. None where the playbooks cannot be read: Ansible says in the log what
    is wrong with them, and the function app derives a stage from the name of its play."""
    try:
        return stages_of_plays(playbooks)
    except Exception:
        log.write(f"the stages of the plays are not known:\n{traceback.format_exc()}")
        log.flush()
        return {}


def _environment(where: Run) -> dict[str, str]:
    options = f"-o UserKnownHostsFile={where.memory}/known_hosts -o GlobalKnownHostsFile=/dev/null"
    options += " -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519"
    options += " -o ControlMaster=auto -o ControlPersist=120s"
    # Otherwise ssh waits a quarter of an hour for a machine whose network was cut during a task.
    options += " -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
    return {
        "ANSIBLE_CONFIG": str(BUNDLE / "ansible.cfg"),
        "ANSIBLE_SSH_ARGS": options,
        "ANSIBLE_LOCAL_TEMP": str(where.memory / "tmp"),
    }


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args


def _serve(address: str) -> ThreadingHTTPServer:
    """Serves the checked artifacts to the nodes by HTTP while the play runs.

    Args:
        address: the controller's private address, where the server listens.
    """
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(_Quiet, directory=str(ARTIFACTS))
    server = ThreadingHTTPServer((address, ARTIFACTS_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
