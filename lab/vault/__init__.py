"""Stand-in for Key Vault's secrets: versions, soft delete, recovery, and the authentication
challenge."""
