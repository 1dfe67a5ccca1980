"""Stands in for Key Vault's secrets: versions, soft delete, recovery, the challenge before all."""
