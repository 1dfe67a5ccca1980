"""Stand-in for the Functions host. It has two processes, so that the app's process can die and be
replaced.

`main` holds the engine, HTTP and the work in flight. `worker` imports the app and runs its
functions. The engine `memory` is durabletask's own. The engine `azure-storage` is Microsoft's
Durable extension in the program functions-host, which also serves HTTP.
"""

ENGINES = ("memory", "azure-storage")
