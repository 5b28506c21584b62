"""``make demo``: the whole main job, headless in real Chromium, against a throw-away folder.

A line per step with its time; exit code 0 only when every step was verified.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.end_to_end.journey import Journey, describe, open_journey  # noqa: E402  # after the path
from tests.end_to_end.program import running_program  # noqa: E402  # after the path

TALK_S = 10.0


def steps(journey: Journey) -> list[tuple[str, Callable[[], Any]]]:
    """Every step of the main job, in order, with what it verifies."""
    return [
        ("the visitor presses the button and reads the notice", journey.press_the_button),
        (f"accepts, is connected, talks {TALK_S:.0f} s", lambda: journey.accept_and_talk(TALK_S)),
        ("hangs up; the camera goes out", journey.hang_up),
        ("the agent signs in with the one-time link, which works once", journey.sign_in),
        ("finds the recording, finished and read back", journey.find_it),
        ("states a purpose and plays it", journey.open_it),
        ("seeks natively and by the waveform", lambda: journey.seek(5.0)),
        (
            "the link's bytes decode to the picture and tone that were sent",
            lambda: describe(journey.decode_it()),
        ),
        ("erases it, and keeps the receipt", journey.erase_it),
        ("the receipt verifies offline, a forged one does not", journey.verify_the_receipt),
        ("410 to the owner, the link dead, no object left", journey.see_it_gone),
    ]


def main() -> int:
    """Run the steps; the first that fails ends the demo."""
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="callvault-demo-") as name:
        folder = Path(name)
        print("starting callvault dev ...", flush=True)
        with running_program(folder / "vault") as program, open_journey(program, folder) as journey:
            print(f"ok    {time.monotonic() - started_s:6.2f} s  listening at {program.base}", flush=True)
            for what, step in steps(journey):
                begun_s = time.monotonic()
                try:
                    told = step()
                except Exception as error:  # noqa: BLE001  # whatever a step meets is its failure
                    print(f"FAIL  {time.monotonic() - begun_s:6.2f} s  {what}: {error}", flush=True)
                    return 1
                extra = f"  {told}" if isinstance(told, str) and told.startswith("{") else ""
                print(f"ok    {time.monotonic() - begun_s:6.2f} s  {what}{extra}", flush=True)
    print(f"all steps verified in {time.monotonic() - started_s:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
