"""How much the libraries write into the app's log.

The Functions host's worker has its root logger at Information, and at that level the Azure SDKs
write every request with its headers and address: thousands of lines a run, with the names of
blobs, secrets and resources.
"""

import logging

# The worker's own loggers are `azure.functions`, so `azure` as a whole stays as it is.
LIBRARIES = (
    "azure.core",
    "azure.durable_functions",
    "azure.keyvault",
    "azure.mgmt",
    "azure.monitor",
    "azure.storage",
    "durabletask",
    "opentelemetry",
    "urllib3",
)
# They log what the identity endpoint said of a failed token, at WARNING, and the exception besides;
# what Slipway makes of it is in the run's record, the answer or the doctor's finding.
QUOTING = ("azure.identity", "msal")


def set_levels() -> None:
    """Limits these libraries to warnings and errors. `clients.ssh.connection` does so for SSH,
    which the command line uses too."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in QUOTING:
        # Above CRITICAL: nothing.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
