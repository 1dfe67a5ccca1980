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
import fcntl
import hashlib
import http.client
import json
import os
import pwd
import shutil
import stat
import subprocess  # nosec B404
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

Json = dict[str, Any]

TOO_LARGE, MISSING, BUSY = 65, 66, 75
TEXT_CHARACTERS = 300
BLOCK = 1 << 20
# Seconds. A question to the member; the snapshot's transfer over the loopback; its check.
ASK_SECONDS, SAVE_SECONDS, CHECK_SECONDS = 10, 90, 60
# Without any answer for so long, the upload has failed.
SILENCE_SECONDS = 60
# etcd appends the digest of a snapshot to it. The database itself consists of pages.
DIGEST, PAGE = hashlib.sha256().digest_size, 512
# What must remain free of the disk, which etcd's log needs: one part of so many.
RESERVE = 20
# Storage's codes of a blob that exists. The second one is the answer to a SAS that may only create.
EXISTS = ("BlobAlreadyExists", "UnauthorizedBlobOverwrite")


class FailedError(Exception):
    """What could not be done, and the exit code that says so."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Member:
    """The etcd member of this machine."""

    def __init__(self, request: Json) -> None:
        pki = request["pki"]
        self._etcdctl = str(Path(request["etcdctl"]).resolve())
        self._way = [
            f"--endpoints={request.get('endpoint', '')}",
            f"--cacert={pki}/ca.crt",
            f"--cert={pki}/client.crt",
            f"--key={pki}/client.key",
        ]

    def require_health(self) -> None:
        """Raises FailedError if the member cannot read at its cluster's newest revision: it has no
        quorum, or is behind it."""
        self._ask(["endpoint", "health"], ASK_SECONDS)

    def status(self) -> Json:
        answer: Any = json.loads(self._ask(["endpoint", "status", "--write-out=json"], ASK_SECONDS))
        found: Json = answer[0]["Status"]
        return found

    def save(self, path: Path) -> None:
        self._ask(["snapshot", "save", str(path)], SAVE_SECONDS)

    def check(self, path: Path) -> Json:
        """Returns what etcd's own tool finds in the snapshot, and the tool. It reads every page.

        Up to etcd 3.5, etcdctl can do that too; later ones print their help instead. An archive
        without etcdutl is no reason to have no backup: the digests prove that the snapshot is what
        etcd sent.
        """
        beside = Path(self._etcdctl).with_name("etcdutl")
        tool = str(beside) if beside.exists() else self._etcdctl
        argv = [tool, "snapshot", "status", str(path), "--write-out=json"]
        try:
            found: Json = json.loads(_output(argv, CHECK_SECONDS))
        except ValueError:
            return {"checkedBy": ""}
        return {
            "checkedBy": Path(tool).name,
            "revision": int(found["revision"]),
            "keys": int(found["totalKey"]),
            "hash": int(found["hash"]),
        }

    def _ask(self, words: list[str], seconds: int) -> bytes:
        return _output([self._etcdctl, *self._way, *words], seconds)


def _output(argv: list[str], seconds: int) -> bytes:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=seconds, check=False)  # nosec B603
    except OSError as error:
        raise FailedError(f"{argv[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"{argv[0]} was not done within {seconds} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise FailedError(f"{Path(argv[0]).name}: {lines[-1][-TEXT_CHARACTERS:]}")
    return done.stdout


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
    _require_room(directory, int(status["dbSize"]))
    snapshot.unlink(missing_ok=True)
    member.save(snapshot)
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
        **member.check(snapshot),
    }
    part = about.with_suffix(".part")
    part.write_text(json.dumps(known), encoding="utf-8")
    part.replace(about)
    return known


def _require_room(directory: Path, size: int) -> None:
    disk = shutil.disk_usage(directory)
    if disk.free - size < disk.total // RESERVE:
        text = f"a snapshot of {size} bytes does not fit on the disk, of which {disk.free} are free"
        raise FailedError(text)


def _digests(path: Path, size: int) -> dict[str, str]:
    """Returns the digests of the file.

    Raises:
        FailedError: the file is not what etcd sent: the digest at its end is another one.
    """
    if size % PAGE != DIGEST:
        raise FailedError("the snapshot has no digest at its end")
    whole, content = hashlib.sha256(), hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    left = size - DIGEST
    with path.open("rb") as file:
        while left and (block := file.read(min(BLOCK, left))):
            for digest in (whole, content, md5):
                digest.update(block)
            left -= len(block)
        end = file.read()
    if left or end != content.digest():
        raise FailedError("the snapshot's digest is not that of its content")
    whole.update(end)
    md5.update(end)
    return {"sha256": whole.hexdigest(), "md5": md5.hexdigest()}


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
    proxies = urllib.request.ProxyHandler(_proxies(request))
    with snapshot.open("rb") as file:
        asked = urllib.request.Request(request["url"], file, headers, method="PUT")  # noqa: S310
        try:
            urllib.request.build_opener(proxies).open(asked, timeout=SILENCE_SECONDS).close()
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


def _proxies(request: Json) -> dict[str, str]:
    """Returns the proxies by scheme. The environment's are not used."""
    proxy, host = str(request.get("proxy") or ""), urlsplit(str(request["url"])).hostname or ""
    direct = (name.strip().lstrip(".") for name in str(request.get("noProxy", "")).split(","))
    if not proxy or any(name and f".{host}".endswith(f".{name}") for name in direct):
        return {}
    return {"http": proxy, "https": proxy}


def remove(directory: Path) -> Json:
    for path in directory.iterdir():
        if path.name != "lock":
            path.unlink()
    return {}


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    """Keeps a second execution out.

    Raises:
        FailedError: another execution is at work, or etcd's user, who may write beside the
            directory, put something else in its place.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FailedError(f"{directory} is not a directory of {pwd.getpwuid(os.geteuid()).pw_name}")
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FailedError("another execution is at work here", BUSY) from None
        yield


def _do(request: Json) -> Json:
    directory = Path(request["directory"])
    with _alone(directory):
        if request["action"] == "save":
            return save(request, directory)
        if request["action"] == "upload":
            return upload(request, directory)
        return remove(directory)


def main() -> int:
    os.umask(0o077)
    try:
        answer = _do(json.load(sys.stdin))
    except FailedError as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return error.code
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
