"""Stands in for Azure Resource Manager: evaluates the project's templates for real, and refuses
what it does not know, as ARM would."""
