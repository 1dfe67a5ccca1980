"""Puts a snapshot in the place of an etcd member's data.

This file runs on an etcd member, alone: standard library only. Each action finds what an earlier
execution has done. Nothing that it prints contains the address of the snapshot.

The new data directory is made beside the old one while etcd runs. It contains a mark with the
number of the restore, so that it is known which data the member has: the directory and the mark
move together. The old directory keeps its content under another name.

Standard input: JSON with `action`, `restore` (the number of the restore), and
- `prepare`: `id` (of the backup), `url` (a SAS that may read one blob), `proxy` (or ""), `noProxy`,
  `bytes`, `sha256` and `version` (of the snapshot, and of its etcd), `name` and `peer` (the
  member's own), `members` (as etcd's `initial-cluster`), `token` (of the new cluster), `bump` (what
  is added to the revision), `owner` (the user of etcd). Makes the new data directory. The output
  has `tool` and `etcd`, its version.
- `look`: the output has `restored`: whether the member's data are those of this restore.
- `replace`: stops etcd and puts the new data directory into place. The output has `aside`, the name
  of the old one, or "".
- `start`: `endpoint` (the member's own address). Starts etcd and asks for its health. The output
  has `cluster`, the id of its cluster, and `revision`.
- `undo`: starts etcd with its old data, and removes the new directory, if that was not put into
  place. The output is that of `look`.
- `remove`: deletes what is left of snapshots here.
- `directory`, `data`, `pki`, `etcdctl`, `systemctl`: where they are.

Exit codes: 0; 66: nothing is prepared here; 69: no tool can restore; 70: the snapshot is not the
one that is described; 71: this etcd cannot read it; 75: another execution is at work; 1: anything
else. The standard error then says what.
"""

import json
import os
import pwd
import shutil
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import cast

from cluster.on_node.etcd_member import (
    BLOCK,
    MISSING,
    SILENCE_SECONDS,
    FailedError,
    Json,
    Member,
    answer,
    digests,
    opener,
    output,
    require_room,
)

NO_TOOL, DAMAGED, UNFIT = 69, 70, 71
# Seconds. The tool's work; the end of etcd, for which systemd waits 90 s.
RESTORE_SECONDS, STOP_SECONDS, ASK_TOOL_SECONDS = 170, 100, 10
# Options without which caches and controllers would go on with revisions that are newer than those
# of the snapshot. Older tools have none of them.
OPTIONS = ("--bump-revision", "--mark-compacted")
MARK = "member/slipway-restore.json"
PARTIAL = 206


def prepare(request: Json, directory: Path) -> Json:
    """Makes the new data directory, unless it is there."""
    member = Member(request)
    tool = _tool(member.etcdctl)
    found = {"tool": tool.name, "etcd": _version(member.etcdctl)}
    _require_fit(found["etcd"], request["version"])
    new, number = directory / "data", int(request["restore"])
    if number in (_restore_of(new), _restore_of(Path(request["data"]))):
        return found
    shutil.rmtree(new, ignore_errors=True)
    snapshot = _fetched(request, directory)
    require_room(directory, int(request["bytes"]), "a new data directory")
    words = [
        *("snapshot", "restore", str(snapshot), "--data-dir", str(new)),
        *("--name", request["name"], "--initial-advertise-peer-urls", request["peer"]),
        *("--initial-cluster", request["members"]),
        *("--initial-cluster-token", request["token"]),
        *("--bump-revision", str(request["bump"]), "--mark-compacted"),
    ]
    output([str(tool), *words], RESTORE_SECONDS)
    _give(new, request["owner"])
    part = new / f"{MARK}.part"
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"restore": number, "backup": request["id"]}))
        file.flush()
        os.fsync(file.fileno())
    part.replace(new / MARK)
    snapshot.unlink()
    return found


def _tool(etcdctl: Path) -> Path:
    """Returns the tool of etcd that restores: etcdutl, or an etcdctl that still can.

    Raises:
        FailedError: there is none.
    """
    if not etcdctl.exists():
        raise FailedError(f"etcd is not installed here: there is no {etcdctl}", NO_TOOL)
    beside = etcdctl.with_name("etcdutl")
    tool = beside if beside.exists() else etcdctl
    usage = output([str(tool), "snapshot", "restore", "--help"], ASK_TOOL_SECONDS).decode()
    if all(option in usage for option in OPTIONS):
        return tool
    text = f"there is no {beside}, and " if tool == etcdctl else ""
    text += f"{tool.name} of etcd {_version(etcdctl)} cannot 'snapshot restore' with "
    text += " and ".join(OPTIONS)
    raise FailedError(text, NO_TOOL)


def _version(etcdctl: Path) -> str:
    printed = output([str(etcdctl), "version"], ASK_TOOL_SECONDS).decode()
    return printed.partition("\n")[0].rpartition(" ")[2]


def _require_fit(installed: str, taken: str) -> None:
    """Raises FailedError unless the installed etcd is of the snapshot's minor, or of the next."""
    here, there = (_minor(version) for version in (installed, taken))
    if here is None or there is None or here[0] != there[0] or here[1] - there[1] not in (0, 1):
        text = f"etcd {installed} cannot take over a snapshot of etcd {taken or 'unknown'}"
        raise FailedError(text, UNFIT)


def _minor(version: str) -> tuple[int, int] | None:
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])


def _fetched(request: Json, directory: Path) -> Path:
    """Returns the snapshot. A transfer that broke off is continued.

    Raises:
        FailedError: storage does not answer, or the snapshot is not the described one.
    """
    snapshot = directory / f"{request['id']}.db"
    for other in directory.glob("*.db"):
        if other != snapshot:
            other.unlink()
    size = int(request["bytes"])
    there = snapshot.stat().st_size if snapshot.exists() else 0
    if there > size:
        snapshot.unlink()
        there = 0
    if there < size:
        require_room(directory, 2 * size - there, "the snapshot with a new data directory")
        _download(request, snapshot, there)
        if snapshot.stat().st_size < size:
            raise FailedError("the download broke off: it ended early")
    if digests(snapshot, 0)[0]["sha256"] == request["sha256"]:
        return snapshot
    snapshot.unlink()
    text = "the snapshot has another SHA-256 than the backup's description"
    # What an earlier execution left may be the reason: without it, the next one is sure.
    raise FailedError(text, 1 if there else DAMAGED)


def _download(request: Json, snapshot: Path, there: int) -> None:
    headers = {"Range": f"bytes={there}-"} if there else {}
    asked = urllib.request.Request(request["url"], headers=headers)  # noqa: S310
    try:
        with opener(request).open(asked, timeout=SILENCE_SECONDS) as source:
            mode = "ab" if source.status == PARTIAL else "wb"
            with snapshot.open(mode) as file:
                shutil.copyfileobj(source, file, BLOCK)
    except urllib.error.HTTPError as error:
        code = error.headers.get("x-ms-error-code") or "no code"
        raise FailedError(f"storage refused the download: {error.code} {code}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise FailedError(f"the download broke off: {reason}") from None


def _give(directory: Path, owner: str) -> None:
    user = pwd.getpwnam(owner)
    for folder, _, files in os.walk(directory):
        for path in (folder, *(f"{folder}/{name}" for name in files)):
            os.lchown(path, user.pw_uid, user.pw_gid)


def replace(request: Json, directory: Path) -> Json:
    """Puts the new data directory into place, unless it is there."""
    data, new, number = Path(request["data"]), directory / "data", int(request["restore"])
    aside = data.with_name(f"{data.name}.before-restore-{number}")
    if _restore_of(data) != number:
        if _restore_of(new) != number:
            raise FailedError("nothing is prepared on this machine", MISSING)
        output([request["systemctl"], "stop", "etcd"], STOP_SECONDS)
        if data.exists():
            data.rename(_unused(aside))
        new.rename(data)
        _sync(data.parent)
    return {"aside": aside.name if aside.exists() else ""}


def _unused(path: Path) -> Path:
    """Returns a name that nothing has. A machine that restarted after its data had moved may have
    made others."""
    numbered = (path.with_name(f"{path.name}-{count}") for count in range(1, 100))
    return next(one for one in (path, *numbered) if not one.exists())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def start(request: Json, directory: Path) -> Json:
    """Starts etcd with the new data.

    Raises:
        FailedError: the member has other data, or is not healthy (yet).
    """
    del directory
    if _restore_of(Path(request["data"])) != int(request["restore"]):
        raise FailedError("the member's data are not those of this restore", MISSING)
    output([request["systemctl"], "start", "--no-block", "etcd"], STOP_SECONDS)
    member = Member(request)
    member.require_health()
    header = member.status()["header"]
    return {"cluster": str(header["cluster_id"]), "revision": int(header["revision"])}


def look(request: Json, directory: Path) -> Json:
    del directory
    return {"restored": _restore_of(Path(request["data"])) == int(request["restore"])}


def undo(request: Json, directory: Path) -> Json:
    """Starts etcd as it was, unless its data were replaced by this restore."""
    data, number = Path(request["data"]), int(request["restore"])
    if look(request, directory)["restored"]:
        return {"restored": True}
    aside = data.with_name(f"{data.name}.before-restore-{number}")
    if aside.exists() and not data.exists():
        aside.rename(data)
    if (data / "member").exists():
        # A member without data would begin a cluster of its own.
        output([request["systemctl"], "start", "--no-block", "etcd"], STOP_SECONDS)
    remove(request, directory)
    return {"restored": False}


def remove(request: Json, directory: Path) -> Json:
    del request
    for path in directory.iterdir():
        if path.name == "data":
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    return {}


def _restore_of(data: Path) -> int:
    """Returns the number of the restore that made the data, or 0."""
    try:
        found = json.loads((data / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    number = cast("Json", found).get("restore") if isinstance(found, dict) else 0
    return number if isinstance(number, int) else 0


ACTIONS = {f.__name__: f for f in (prepare, look, replace, start, undo, remove)}


def do(request: Json, directory: Path) -> Json:
    return ACTIONS[request["action"]](request, directory)


if __name__ == "__main__":
    sys.exit(answer(do))
