"""Environment variables by which the test command says what to test."""

# A directory with a manifest, for the tests that bring up a whole cluster.
ARTIFACTS = "SLIPWAY_TEST_ARTIFACTS"
# Set where properties are to be tried with many examples.
EVERYTHING = "SLIPWAY_TEST_ALL"
