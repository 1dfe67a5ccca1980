"""Optional packages that only some commands need."""

from importlib.util import find_spec

from cli.exits import CommandError, Exit

# The distributions of pyproject.toml's extra `access`, each with one of its modules.
ACCESS = {
    "azure-identity": "azure.identity",
    "azure-keyvault-secrets": "azure.keyvault.secrets",
    "cryptography": "cryptography",
    "opentelemetry-api": "opentelemetry.trace",
    "paramiko": "paramiko",
}


def require_access(command: str) -> None:
    """Checks that the packages for vault access and SSH connections are installed.

    Raises:
        CommandError: packages are missing.
    """
    missing = [name for name, module in ACCESS.items() if not _is_installed(module)]
    if missing:
        text = (
            f"'slipway {command}' needs packages that are not installed: {', '.join(missing)}\n"
            "  next: install slipway-cli with its extra 'access', for example "
            "pipx install --force 'slipway-cli[access] @ git+https://…' (docs/command-line.md)"
        )
        raise CommandError(Exit.REFUSED, text)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False
