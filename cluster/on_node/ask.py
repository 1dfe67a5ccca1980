"""Asks many services near this machine at once, and prints what each said before it hung up.

This file runs on the controller, alone: standard library only. Standard input: JSON with `hosts`,
`port`, `connect` and `answer` (seconds), `limit` (bytes of one answer) and `total` (characters of
all, encoded). Output: JSON, host to {"data": base64} or {"fault": text}; there was no room for a
host that is missing.
"""

import asyncio
import base64
import json
import resource
import sys
from typing import Any

SPARE_FILES = 64


async def ask(host: str, request: dict[str, Any]) -> dict[str, str]:
    """A machine that is not there yet is silent; one that is answers within milliseconds."""
    try:
        async with asyncio.timeout(request["connect"]):
            reader, writer = await asyncio.open_connection(host, request["port"])
    except OSError:  # a timeout is one
        return {"fault": "nothing answers there"}
    data = b""
    try:
        async with asyncio.timeout(request["answer"]):
            while len(data) < request["limit"]:
                part = await reader.read(request["limit"] - len(data))
                if not part:
                    break
                data += part
    except TimeoutError:
        return {"fault": f"took longer than {request['answer']:.0f} s"}
    except OSError as error:
        return {"fault": str(error)}
    finally:
        writer.close()
    return {"data": base64.b64encode(data).decode()}


async def ask_all(request: dict[str, Any]) -> dict[str, dict[str, str]]:
    """As many at a time as this process may have open; the others when one of them is done."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = most if 0 < most <= 8192 else 8192
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    gate = asyncio.Semaphore(files - SPARE_FILES)
    answers: dict[str, dict[str, str]] = {}
    told = 0

    async def one(host: str) -> None:
        nonlocal told
        async with gate:
            answer = await ask(host, request)
        told += len(answer.get("data", ""))
        if told <= request["total"]:
            answers[host] = answer

    await asyncio.gather(*(one(host) for host in request["hosts"]))
    return answers


if __name__ == "__main__":
    json.dump(asyncio.run(ask_all(json.load(sys.stdin))), sys.stdout)
