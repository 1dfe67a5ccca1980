"""Environment variables with which the test command configures the tests."""

# A directory with a manifest, for the tests that start a whole cluster.
ARTIFACTS = "SLIPWAY_TEST_ARTIFACTS"
# A directory with Kubernetes' own suite, for the same cluster.
CONFORMANCE = "SLIPWAY_TEST_CONFORMANCE"
# If set, property tests run with many examples.
EVERYTHING = "SLIPWAY_TEST_ALL"
