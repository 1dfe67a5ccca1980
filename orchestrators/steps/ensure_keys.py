"""Creates SSH keys, host keys and authorities once. They are stored in Key Vault."""

from cluster.contracts import ENSURE_KEYS
from orchestrators.run import Run, Steps


def ensure_keys(run: Run) -> Steps[None]:
    yield from run.perform(ENSURE_KEYS, run.ref)
    run.record("note", "keys are in the vault")
