"""Stand-in for Azure Resource Manager (ARM). It evaluates the project's templates, and it rejects
whatever it does not support with an ARM error."""
