"""What keeps the loop in time: a faster loop, threads that soon give way, a collector that stays short.

None of them changes what the program does. A stop of 20 ms is heard in every call.
"""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any, Final

# Packets make and drop many small objects; the young generations are cheap, the oldest is the whole heap. But
# what a call leaves behind refers to itself in circles, with memory of libraries behind it: at 50, not 5, an
# hour of calls grew the heap by hundreds of megabytes before anybody came for them.
YOUNG: Final = 5_000
MIDDLE: Final = 20
OLD: Final = 5
# Every datagram sent lets a thread have the interpreter: it gives it back after this, not 5 ms.
SWITCH_S: Final = 0.0005


def run_in_time(main: Coroutine[Any, Any, None]) -> None:
    """Run the server to its end, on uvloop where the extra ``speed`` is installed."""
    sys.setswitchinterval(SWITCH_S)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def quiet_collector() -> None:
    """Take what the start made out of the collector's sight: it lives as long as the process.

    Else each full collection walks all modules, tables and routes: a third of a second on a busy machine.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
