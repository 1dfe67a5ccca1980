"""Limits what libraries write to the app's log.

The worker of the Functions host sets its root logger to Information. At that level the Azure SDKs
log every request with its URL and headers: thousands of lines for one run, with the names of blobs,
secrets and resources.
"""

import logging

# Not `azure` as a whole: the worker's own loggers are below `azure.functions`.
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
# These log the answer of the identity endpoint to a failed token request at WARNING, with the
# exception. Slipway reports the failure in the run's record, the answer or the doctor's finding.
QUOTING = ("azure.identity", "msal")


def set_levels() -> None:
    """Limits the libraries to warnings and errors. `clients.ssh.connection` limits paramiko, which
    the command line uses too."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in QUOTING:
        # Above CRITICAL: nothing.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
