"""`python -m dashboard.stack up|down|reset|status|stop|start|restart`."""

import argparse
import sys
from collections.abc import Sequence

from dashboard.servers import ServerError
from dashboard.stack import commands
from dashboard.stack.layout import EVERYBODY
from dashboard.stack.options import StackError, StackOptions
from dashboard.stack.programs import WORKERS
from dashboard.stack.requests import WISHES

PARTS = ("control", "erp", *EVERYBODY, "broker", "cache", "web", "scheduler", *WORKERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one sentence."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen, StackOptions.read())
    except (StackError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace, options: StackOptions) -> int:
    match chosen.command:
        case "up":
            return commands.up(options)
        case "down":
            return commands.down(options)
        case "reset":
            return commands.reset(options, confirmed=chosen.yes)
        case "status":
            return commands.status(options)
    return commands.send_request(options, chosen.part, chosen.command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboard.stack", description=__doc__)
    kinds = parser.add_subparsers(dest="command", required=True)
    kinds.add_parser("up", help="start everything and run until Ctrl-C")
    kinds.add_parser("down", help="stop the stack of this data folder")
    kinds.add_parser("status", help="say whether it runs and is ready")
    reset = kinds.add_parser("reset", help="stop it and delete its data")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    for wish in WISHES:
        one = kinds.add_parser(wish, help=f"{wish} one part of the running stack")
        one.add_argument("part", choices=PARTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
