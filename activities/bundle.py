"""The playbook bundle: a deterministic archive of `playbooks/`, named after its content."""

import functools
import hashlib
import io
import tarfile
from dataclasses import dataclass

from planning.stage_contents import PLAYBOOKS, SKIPPED


@dataclass(frozen=True)
class Bundle:
    """The playbook bundle.

    Attributes:
        data: the archive, a tar.gz.
        digest: the SHA-256 of `data`. The bundle's directory on the controller has this name.
    """

    data: bytes
    digest: str

    @property
    def directory(self) -> str:
        return f"/opt/slipway/bundles/{self.digest}"


@functools.cache
def playbook_bundle() -> Bundle:
    """Returns the bundle.

    The same files always result in the same bytes: entries are sorted and have no times and no
    owners.
    """
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT
    ) as tar:
        for path in sorted(PLAYBOOKS.rglob("*")):
            if path.is_file() and not SKIPPED.intersection(path.parts):
                info = tarfile.TarInfo(str(path.relative_to(PLAYBOOKS)))
                info.size = path.stat().st_size
                info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as file:
                    tar.addfile(info, file)
    data = bytearray(buffer.getvalue())
    data[4:8] = b"\0\0\0\0"  # clears the time in the gzip header
    return Bundle(bytes(data), hashlib.sha256(data).hexdigest())
