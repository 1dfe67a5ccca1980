"""The play itself: ansible-runner, its events made small, its output kept, artifacts served."""

import functools
import json
import threading
from datetime import datetime, timezone
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ansible_runner
from paths import Run
from unit import BUNDLE

ARTIFACTS = Path("/var/lib/slipway/artifacts")
ARTIFACTS_PORT = 8480
MESSAGE_CHARACTERS = 2000
KINDS = {
    "playbook_on_play_start": "play",
    "playbook_on_task_start": "task",
    "playbook_on_handler_task_start": "task",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "playbook_on_stats": "recap",
}


def run(where: Run) -> int:
    """Runs site.yml and writes the result last: whoever finds it finds everything before it."""
    inventory = json.loads((where.memory / "inventory.yml").read_text(encoding="utf-8"))
    server = _serve(inventory["all"]["vars"]["slipway_controller_address"])
    with where.events.open("a", encoding="utf-8") as events, where.log.open("a") as log:
        writer = Writer(events, log)
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
    if outcome.status != "successful" and code == 0:
        code = 1
    where.save_result(code)
    return code


def _environment(where: Run) -> dict[str, str]:
    options = f"-o UserKnownHostsFile={where.memory}/known_hosts -o GlobalKnownHostsFile=/dev/null"
    options += " -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519"
    options += " -o ControlMaster=auto -o ControlPersist=120s"
    return {
        "ANSIBLE_CONFIG": str(BUNDLE / "ansible.cfg"),
        "ANSIBLE_SSH_ARGS": options,
        "ANSIBLE_LOCAL_TEMP": str(where.memory / "tmp"),
    }


class Writer:
    """One compact line for each event that a reader of the run needs; every line of output."""

    def __init__(self, events: Any, log: Any) -> None:
        self._events, self._log = events, log

    def __call__(self, event: dict[str, Any]) -> bool:
        text = event.get("stdout") or ""
        if text:
            self._log.write(text + "\n")
            self._log.flush()
        line = compact(event)
        if line:
            self._events.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._events.flush()
        return False  # the runner need not keep it


def compact(event: dict[str, Any]) -> dict[str, Any] | None:
    """None for what nobody needs to see; a failure that the playbook ignores is not one."""
    kind = KINDS.get(event.get("event", ""))
    data = event.get("event_data") or {}
    if kind is None or (kind == "failed" and data.get("ignore_errors")):
        return None
    line = {
        "time": event.get("created") or datetime.now(timezone.utc).isoformat(),
        "kind": kind,
        "play": data.get("play") or "",
        "task": data.get("task") or "",
        "role": data.get("role") or "",
        "host": data.get("host") or "",
        "message": "",
    }
    if kind in ("failed", "unreachable"):
        line["message"] = message(data.get("res") or {})
    if kind == "recap":
        line["stats"] = stats(data)
    return line


def message(result: dict[str, Any]) -> str:
    """What went wrong, without what `no_log` hides."""
    if result.get("_ansible_no_log") or "censored" in result:
        return "(hidden: the task handles secrets)"
    parts = [str(result.get("msg") or "")]
    parts += [str(result[key]) for key in ("stderr", "module_stderr") if result.get(key)]
    for item in result.get("results") or []:
        if item.get("failed"):
            parts.append(str(item.get("msg") or item.get("stderr") or ""))
    return "; ".join(dict.fromkeys(filter(None, parts)))[:MESSAGE_CHARACTERS]


def stats(data: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Host to its counts of ok, changed, failures, dark (unreachable)."""
    found: dict[str, dict[str, int]] = {}
    for kind in ("ok", "changed", "failures", "dark"):
        for host, count in (data.get(kind) or {}).items():
            found.setdefault(host, {})[kind] = count
    return found


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args


def _serve(address: str) -> ThreadingHTTPServer:
    """Checked artifacts for the nodes, inside the network and only while the play runs."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(_Quiet, directory=str(ARTIFACTS))
    server = ThreadingHTTPServer((address, ARTIFACTS_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
