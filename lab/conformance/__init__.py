"""Kubernetes' own conformance suite against a cluster: what it needs, its runs, their results."""
