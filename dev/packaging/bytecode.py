"""Compiled files beside the sources: a package is read only in Azure, so whatever is not compiled
in it is compiled again at every cold start.

They are of the kind that is never compared with its source (PEP 552, unchecked hash). The default
kind holds the source's time, and no time survives a deployment. Paths in them are relative;
Python puts the real ones in their place when it imports them.
"""

import subprocess
import sys
import tempfile
from importlib.util import cache_from_source
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.text import indented
from dev.packaging.archive import File


def compiled(sources: list[File], *, strict: bool) -> list[File]:
    """The compiled file of each source, by this Python. A source that does not compile is left
    out, and refused with `strict`."""
    with tempfile.TemporaryDirectory(prefix="slipway-compile-") as name:
        directory = Path(name)
        for source in sources:
            path = directory / source.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.data)
        # -I -S: neither variables nor installed packages count. One process, always in the same
        # order: what was compiled before leaves traces in how constants are written.
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-S", "-m", "compileall", "-q", "-i", "-"),
                *("--invalidation-mode", "unchecked-hash"),
            ],
            cwd=directory,
            env={},
            input="".join(f"{source.path}\n" for source in sources),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and strict:
            text = indented(done.stdout.strip() or done.stderr.strip())
            raise CommandError(Exit.FAILED, f"the app does not compile; no zip was written\n{text}")
        files = [File(cache_from_source(source.path), 0o644, b"") for source in sources]
        return [
            File(file.path, file.mode, (directory / file.path).read_bytes())
            for file in files
            if (directory / file.path).is_file()
        ]
