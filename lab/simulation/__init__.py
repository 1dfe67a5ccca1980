"""The app on the in-memory engine with a clock of its own, and Azure played by a few classes.

Orchestrators, activities, store, keyring, plan, templates and the controller's own reading of
streams are the real ones, called through the function app's handlers. Played are the edges: blobs,
vault, ARM, SSH.
"""
