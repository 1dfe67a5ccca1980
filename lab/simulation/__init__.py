"""The app on the in-memory engine with a simulated clock and a simulated Azure.

Orchestrators, activities, store, keyring, plan, templates and the controller's reading of streams
are the real ones, called through the function app's handlers. Only the edges are simulated: blobs,
vault, ARM, SSH.
"""
