"""The SDKs' modules, loaded by one thread before any other thread needs them.

Clients import where they are used, so that an app's start pays for nothing. But these packages
import each other in circles, and Python's locks are by module: threads that import them at once
wait for each other, one of the locks is given up, and an import fails that alone would have worked
(ImportError or _DeadlockError; eight threads saw it every other time).
"""

from importlib import import_module

MODULES = (
    "azure.core.exceptions",
    "azure.core.rest",
    "azure.core.pipeline.policies",
    "azure.core.pipeline.transport",
    "azure.mgmt.core.policies",
    "azure.identity",
    "azure.storage.blob",
    "azure.keyvault.secrets",
    "azure.mgmt.resource.resources",
    "azure.mgmt.resource.deployments",
    "paramiko",
    "slack_sdk.webhook",
)


def load_sdks() -> None:
    """Takes a fresh process about a second, most of it for storage, which every call needs."""
    for module in MODULES:
        import_module(module)
