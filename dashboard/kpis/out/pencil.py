"""A process that draws: `pencil.py LIBRARY SCRIPT PAGE` answers each call, a line of JSON, with its result.

The text of the page's script goes into the script where its name stands. V8 lives here and not in the
product's processes: what it does to memory, threads and forks stays here. It ends when nobody asks for a
minute, and when whoever began it is gone.
"""

import json
import select
import sys
from pathlib import Path

from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException, MiniRacer

PLACE = "/* charts.js */"
IDLE_SECONDS = 60
CALL_SECONDS = 10
MOST_MEMORY = 512 * 1024 * 1024


def main(paths: list[str]) -> None:
    """Evaluate the scripts, then answer until the input ends."""
    library, script, page = (Path(path).read_text(encoding="utf-8") for path in paths)
    engine = MiniRacer()
    engine.set_hard_memory_limit(MOST_MEMORY)
    engine.eval(library)
    engine.eval(script.replace(PLACE, page))
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.readline()):
        sys.stdout.write(json.dumps(_answer(engine, line)) + "\n")
        sys.stdout.flush()


def _answer(engine: MiniRacer, line: str) -> dict[str, str]:
    try:
        return {"drawn": str(engine.call("drawChart", *json.loads(line), timeout_sec=CALL_SECONDS))}
    except (JSEvalException, JSOOMException, JSTimeoutException) as error:
        return {"error": str(error)[:300]}


if __name__ == "__main__":
    main(sys.argv[1:])
