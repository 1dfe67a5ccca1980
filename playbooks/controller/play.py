"""Starts, polls and stops the playbook on the controller. Runs there as root.

Usage:
  play.py start --run ID < request     starts the play detached, once for each ID
  play.py poll  --run ID --events N --log M [--limit BYTES] [--log-limit BYTES]
  play.py stop  --run ID
  play.py run | conclude --run ID      for the systemd unit only

The request is JSON: inventory, privateKey, knownHosts, files (path to text), deadlineSeconds. It is
read from standard input and is stored in memory (/run) only, until the unit ends.
"""

import argparse
import json
import sys

import paths
import streams
import unit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("start", "poll", "stop", "run", "conclude"))
    parser.add_argument("--run", required=True, type=paths.run_id)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--log", type=int, default=0)
    parser.add_argument("--limit", type=int, default=12_000)
    parser.add_argument("--log-limit", type=int, default=500_000)
    arguments = parser.parse_args()
    run = paths.Run(arguments.run)
    if arguments.command == "start":
        answer = unit.start(run, sys.stdin.read())
    elif arguments.command == "poll":
        offsets, limits = (arguments.events, arguments.log), (arguments.limit, arguments.log_limit)
        answer = streams.poll(run, *offsets, *limits)
    elif arguments.command == "stop":
        answer = unit.stop(run)
    elif arguments.command == "conclude":
        unit.conclude(run)
        return 0
    else:
        import runner

        return runner.run(run)
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
