"""Compiled files beside the sources. A package is read-only in Azure, so a module without a
compiled file is compiled again at every cold start.

The compiled files are never compared with their sources (PEP 552, unchecked hash). The default kind
stores the source's modification time, which a deployment changes. Paths in them are relative;
Python replaces them by the real ones on import.
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
    """Returns the compiled file of each source, made by this Python. A source that does not compile
    is omitted, or raises CommandError if `strict`."""
    with tempfile.TemporaryDirectory(prefix="slipway-compile-") as name:
        directory = Path(name)
        for source in sources:
            path = directory / source.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.data)
        # With -I and -S, variables and installed packages have no effect. One process compiles all
        # files in a fixed order, because earlier compilations affect how constants are written.
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
