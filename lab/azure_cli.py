"""Microsoft's command line against the lab: its settings, and its sign-in."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.tls_front import tls_front

# The user's own, which would lead elsewhere.
FOREIGN = ("AZURE_", "ARM_", "AZ_", "IDENTITY_", "MSI_", "REQUESTS_", "CURL_", "SSL_", "PYTHON")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# What each command of the sign-in may take. The user's own may wait for hours, or for the user.
SIGN_IN_SECONDS = 600.0
SIGNED_IN = ("account", "show", "--output", "none")
SIGN_IN = ("login", "--identity", "--output", "none")


class SignInError(Exception):
    """The command line could not sign in to the lab; the text is its own where it has one."""


@dataclass(frozen=True)
class AzureCli:
    program: Path
    environment: Mapping[str, str]

    def run(self, arguments: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
        """What a command prints, and its exit code.

        Raises:
            subprocess.TimeoutExpired: it took longer, and was ended.
        """
        command = [str(self.program), *arguments]
        with subprocess.Popen(
            command,
            env=self.environment, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=seconds)
            except BaseException:
                # With all that it started.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def run_at_terminal(self, arguments: Sequence[str]) -> int:
        """The exit code of a user's command. It may wait as long as it likes, and an interrupt,
        which the terminal sends to it too, is the command's to handle."""
        # A KeyboardInterrupt could come between the command's end and its exit code, and lose that.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with subprocess.Popen([str(self.program), *arguments], env=self.environment) as process:
                code = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        return code if code >= 0 else 128 - code


@contextmanager
def azure_cli(program: Path, azure: str, identity_header: str, config: Path) -> Generator[AzureCli]:
    """Signed in. `config` is the command line's own directory, made on first use; the user's is
    neither read nor written. Each front has a certificate authority of its own, so its files are
    kept apart: several may be open at once. They sign in one after the other.

    Raises:
        SignInError: the lab's Azure does not take its identity, or does not answer in time.
    """
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="slipway-az-") as private,
        tls_front(azure, Path(private)) as proxy,
    ):
        trusted = Path(private) / "ca.pem"
        found = AzureCli(program, _environment(proxy, azure, identity_header, config, trusted))
        with (config / "sign-in.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _sign_in(found)
        yield found


def _sign_in(az: AzureCli) -> None:
    try:
        if not az.run(SIGNED_IN, SIGN_IN_SECONDS).returncode:
            return
        done = az.run(SIGN_IN, SIGN_IN_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SignInError(f"'az {error.cmd[1]}' did not end within {error.timeout:g} s") from None
    if done.returncode:
        raise SignInError(done.stderr.strip())


def _environment(
    proxy: str, azure: str, header: str, config: Path, trusted: Path
) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(FOREIGN) and name.lower() not in PROXIES
    }
    return kept | {
        "AZURE_CONFIG_DIR": str(config),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_SURVEY_MESSAGE": "false",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "NO_PROXY": "127.0.0.1",
        "IDENTITY_ENDPOINT": f"{azure}/identity",
        "IDENTITY_HEADER": header,
        "REQUESTS_CA_BUNDLE": str(trusted),
    }
