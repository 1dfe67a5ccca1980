"""The files of a package, and their zip. The same files give the same bytes."""

import io
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

# The earliest time that a zip can store.
TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3
# The level of deflate. Level 9 takes three times as long and saves one percent.
LEVEL = 6


@dataclass(frozen=True)
class File:
    """A file of the package. `path` is relative to the root; `mode` is 0o644 or 0o755."""

    path: str
    mode: int
    data: bytes


def pack(files: list[File]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            info = zipfile.ZipInfo(file.path, TIME)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | file.mode) << 16
            archive.writestr(info, file.data, zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
    return buffer.getvalue()


def read_directory(directory: Path, prefix: str) -> list[File]:
    """Returns every file below `directory`, with `prefix` before its path. Modes do not depend on
    the umask."""
    return [
        File(
            f"{prefix}/{path.relative_to(directory).as_posix()}",
            0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644,
            path.read_bytes(),
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
