"""Imports the SDKs' modules in one thread before any other thread needs them.

Clients import SDKs where they use them, so that the app starts fast. But these packages import each
other in cycles, and Python locks each module: threads that import them at the same time wait for
each other, Python breaks the deadlock, and an import fails (ImportError or _DeadlockError; with
eight threads every other time).
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
    """Imports all modules: about a second in a fresh process, most of it for storage."""
    for module in MODULES:
        import_module(module)
