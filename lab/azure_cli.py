"""Microsoft's command line with the lab as its Azure: its settings and its sign-in."""

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

# Prefixes of the user's own variables, which would select another cloud or account.
FOREIGN = ("AZURE_", "ARM_", "AZ_", "IDENTITY_", "MSI_", "REQUESTS_", "CURL_", "SSL_", "PYTHON")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Time limit of each command of the sign-in. A user's own command has none: it may wait for hours,
# or for input.
SIGN_IN_SECONDS = 600.0
SIGNED_IN = ("account", "show", "--output", "none")
SIGN_IN = ("login", "--identity", "--output", "none")


class SignInError(Exception):
    """The command line could not sign in to the lab. The message is the command line's own, if it
    has one."""


@dataclass(frozen=True)
class AzureCli:
    program: Path
    environment: Mapping[str, str]

    def run(self, arguments: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
        """Runs a command. Returns its output and exit code.

        Raises:
            subprocess.TimeoutExpired: the command took longer than `seconds`, and was killed.
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
                # Kills the command with all processes that it started.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def run_at_terminal(self, arguments: Sequence[str]) -> int:
        """Runs a user's command at the terminal without a time limit. Returns its exit code. An
        interrupt also reaches the command, which handles it."""
        # A KeyboardInterrupt between the command's end and `wait` would lose the exit code.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            with subprocess.Popen([str(self.program), *arguments], env=self.environment) as process:
                code = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        return code if code >= 0 else 128 - code


@contextmanager
def azure_cli(program: Path, azure: str, identity_header: str, config: Path) -> Generator[AzureCli]:
    """Yields the command line, signed in to the lab.

    `config` is the command line's own directory, created on first use; the user's is neither read
    nor written. Each TLS front has its own certificate authority and files, so several may be open
    at once. They sign in one after the other.

    Raises:
        SignInError: the lab's Azure rejects the lab's identity, or does not respond in time.
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
