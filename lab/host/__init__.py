"""Stands in for the Functions host: two processes, so that the app's one can die and be replaced.

`main` holds the engine, HTTP and the work in flight; `worker` imports the app and runs its
functions. The engine `memory` is durabletask's own; `azure-storage` is Microsoft's Durable
extension, in the program functions-host, which serves HTTP too.
"""

ENGINES = ("memory", "azure-storage")
