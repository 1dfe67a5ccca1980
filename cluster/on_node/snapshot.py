"""Takes a snapshot of etcd on one of its members, checks it, and uploads it.

This file runs on an etcd member, alone: standard library only. Each action finds what an earlier
execution has done. Nothing that it prints contains the upload's address.

Standard input: JSON with `action`, and
- `save`: `id` (of the backup), `endpoint` (the member's own address), `most` (the largest size that
  one upload may have). The output describes the snapshot: `takenAt`, `etcd`, `revision`, `keys`,
  `hash`, `bytes`, `sha256`, `md5`, `checkedBy` (the tool of etcd that read it, or "": then `keys`
  and `hash` are 0, and `revision` is that of just before).
- `upload`: `id`, `url` (a SAS for one blob), `proxy` (or ""), `noProxy`. The output is `{"state":
  "uploaded"}`, or `"exists"` if the blob exists already.
- `remove`: every snapshot that is left here is deleted.
- `directory`, `pki`, `etcdctl`: where they are.

Exit codes: 0; 65: the snapshot is too large; 66: this machine has no such snapshot; 75: another
execution is at work; 1: anything else. The standard error then says what.
"""

import base64
import http.client
import json
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast

from cluster.on_node.etcd_member import (
    MISSING,
    SILENCE_SECONDS,
    TOO_LARGE,
    FailedError,
    Json,
    Member,
    answer,
    digests,
    opener,
    output,
    require_room,
)

# Seconds. The snapshot's transfer over the loopback; its check.
SAVE_SECONDS, CHECK_SECONDS = 90, 60
# etcd appends the digest of a snapshot to it. The database itself consists of pages.
DIGEST, PAGE = sha256().digest_size, 512
# Storage's codes of a blob that exists. The second one is the answer to a SAS that may only create.
EXISTS = ("BlobAlreadyExists", "UnauthorizedBlobOverwrite")


def check(etcdctl: Path, path: Path) -> Json:
    """Returns what etcd's own tool finds in the snapshot, and the tool. It reads every page.

    Up to etcd 3.5, etcdctl can do that too; later ones print their help instead. An archive without
    etcdutl is no reason to have no backup: the digests prove that the snapshot is what etcd sent.
    """
    beside = etcdctl.with_name("etcdutl")
    tool = beside if beside.exists() else etcdctl
    argv = [str(tool), "snapshot", "status", str(path), "--write-out=json"]
    try:
        found: Json = json.loads(output(argv, CHECK_SECONDS))
    except ValueError:
        return {"checkedBy": ""}
    return {
        "checkedBy": tool.name,
        "revision": int(found["revision"]),
        "keys": int(found["totalKey"]),
        "hash": int(found["hash"]),
    }


def save(request: Json, directory: Path) -> Json:
    """Returns the description of the snapshot with this id. It is taken unless it is there."""
    snapshot, about = directory / f"{request['id']}.db", directory / f"{request['id']}.json"
    for other in directory.iterdir():
        if other.name not in (snapshot.name, about.name, "lock"):
            other.unlink()
    if about.exists() and snapshot.exists():
        known = _described(about)
        if known.get("bytes") == snapshot.stat().st_size:
            return known
    member = Member(request)
    member.require_health()
    status = member.status()
    require_room(directory, int(status["dbSize"]), "a snapshot")
    snapshot.unlink(missing_ok=True)
    member.ask(["snapshot", "save", str(snapshot)], SAVE_SECONDS)
    size = snapshot.stat().st_size
    if size > int(request["most"]):
        snapshot.unlink()
        text = f"the snapshot has {size} bytes; one upload has at most {request['most']}"
        raise FailedError(text, TOO_LARGE)
    digests = _digests(snapshot, size)
    written = datetime.fromtimestamp(snapshot.stat().st_mtime, UTC)
    known = {
        "takenAt": written.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "etcd": str(status["version"]),
        "revision": int(status["header"]["revision"]),
        "keys": 0,
        "hash": 0,
        "bytes": size,
        **digests,
        **check(member.etcdctl, snapshot),
    }
    part = about.with_suffix(".part")
    part.write_text(json.dumps(known), encoding="utf-8")
    part.replace(about)
    return known


def _digests(path: Path, size: int) -> dict[str, str]:
    """Returns the digests of the file.

    Raises:
        FailedError: the file is not what etcd sent: the digest at its end is another one.
    """
    if size % PAGE != DIGEST:
        raise FailedError("the snapshot has no digest at its end")
    found, content, end = digests(path, DIGEST)
    if end.hex() != content:
        raise FailedError("the snapshot's digest is not that of its content")
    return found


def upload(request: Json, directory: Path) -> Json:
    """Puts the snapshot as one blob. The service refuses other bytes than those with this MD5."""
    snapshot, about = directory / f"{request['id']}.db", directory / f"{request['id']}.json"
    if not (snapshot.exists() and about.exists()):
        raise FailedError("the snapshot is not on this machine any more", MISSING)
    known: Json = json.loads(about.read_text(encoding="utf-8"))
    headers = {
        "Content-Length": str(known["bytes"]),
        "Content-MD5": base64.b64encode(bytes.fromhex(known["md5"])).decode(),
        "Content-Type": "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
    }
    with snapshot.open("rb") as file:
        asked = urllib.request.Request(request["url"], file, headers, method="PUT")  # noqa: S310
        try:
            opener(request).open(asked, timeout=SILENCE_SECONDS).close()
        except urllib.error.HTTPError as error:
            code = error.headers.get("x-ms-error-code") or "no code"
            if code in EXISTS:
                return {"state": "exists"}
            raise FailedError(f"storage refused the upload: {error.code} {code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise FailedError(f"storage could not be reached: {reason}") from None
    return {"state": "uploaded"}


def _described(about: Path) -> Json:
    """Returns the description, or {} if a power cut left none that is whole."""
    try:
        found = json.loads(about.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return cast("Json", found) if isinstance(found, dict) else {}


def remove(directory: Path) -> Json:
    for path in directory.iterdir():
        if path.name != "lock":
            path.unlink()
    return {}


def do(request: Json, directory: Path) -> Json:
    if request["action"] == "save":
        return save(request, directory)
    if request["action"] == "upload":
        return upload(request, directory)
    return remove(directory)


if __name__ == "__main__":
    sys.exit(answer(do))
