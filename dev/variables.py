"""Environment variables with which the test command configures the tests."""

# A directory with a manifest, for the tests that start a whole cluster.
ARTIFACTS = "SLIPWAY_TEST_ARTIFACTS"
# If set, property tests run with many examples.
EVERYTHING = "SLIPWAY_TEST_ALL"
