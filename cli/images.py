"""Container images, copied from their registry with skopeo."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from cli.exits import CommandError, Exit

# The platform of the machines, which may differ from this machine's.
PLATFORM = ("--override-os=linux", "--override-arch=amd64")


def archive_of(image: str, digest: str, path: Path) -> None:
    """Writes the image with that digest to a docker archive, with its own name and tag.

    Raises:
        CommandError: skopeo is not installed, or could not copy the image.
    """
    source = f"docker://{_repository(image)}@{digest}"
    _skopeo("copy", *PLATFORM, source, f"docker-archive:{path}:{image}")


def digest_of(image: str) -> str:
    """Returns the digest that the registry has for a tag now. It is the digest of the index, so of
    all platforms."""
    return f"sha256:{hashlib.sha256(_skopeo('inspect', '--raw', f'docker://{image}')).hexdigest()}"


def _repository(image: str) -> str:
    name, _, tag = image.rpartition(":")
    return name if name and "/" not in tag else image


def _skopeo(*arguments: str) -> bytes:
    program = shutil.which("skopeo")
    if not program:
        text = "images are pulled with skopeo, which is not here: apt-get install skopeo"
        raise CommandError(Exit.REFUSED, text)
    # This machine's signature policy is not needed, because the digest identifies the content.
    argv = [program, "--insecure-policy", *arguments]
    done = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        tail = done.stderr.decode(errors="replace").strip()[-800:]
        source = next(word for word in arguments if word.startswith("docker://"))
        raise CommandError(Exit.UNREACHABLE, f"skopeo {arguments[0]} {source}: {tail}")
    return done.stdout
