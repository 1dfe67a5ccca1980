"""Stands in for the Functions host: two processes, so that the app's one can die and be replaced.

`main` holds Microsoft's in-memory engine, HTTP and the work in flight; `worker` imports the app
and runs its functions.
"""
