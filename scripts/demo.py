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

from tests.end_to_end import in_the_call, the_turn  # noqa: E402  # after the path
from tests.end_to_end.fake_devices import AGENT, VISITOR, is_what_was_shown  # noqa: E402  # after the path
from tests.end_to_end.journey import Journey, describe, open_journey, require  # noqa: E402  # after the path
from tests.end_to_end.program import running_program  # noqa: E402  # after the path
from tests.end_to_end.two_browsers import Talk, talking  # noqa: E402  # after the path

TALK_S = 10.0
KEPT, ERASED = "This call was recorded, and is kept", "The recording is erased"  # the visitor's own page


def steps(journey: Journey) -> list[tuple[str, Callable[[], Any]]]:
    """Every step of the main job, in order, with what it verifies."""
    return [
        ("the visitor presses the button and reads the notice", journey.press_the_button),
        (f"accepts, is connected, talks {TALK_S:.0f} s", lambda: journey.accept_and_talk(TALK_S)),
        ("hangs up; the camera goes out", journey.hang_up),
        ("comes back by a link of their own: it is kept", lambda: journey.come_back(KEPT)),
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
        ("the visitor's own page says so too", lambda: journey.come_back(ERASED)),
        ("410 to the owner, the link dead, no object left", journey.see_it_gone),
        ("the epoch turns: no older copy of the keys opens it", lambda: the_turn.turn_the_epoch(journey)),
        ("the receipt is final, and verifies offline", lambda: the_turn.the_receipt_is_final(journey)),
        ("both databases come back from their backups", lambda: the_turn.restore_it_elsewhere(journey)),
    ]


def talk_steps(talk: Talk) -> list[tuple[str, Callable[[], Any]]]:
    """A call of two, in two browsers."""
    return [
        ("an agent signs in and is available", talk.agent_is_there),
        ("a visitor presses the button and accepts", talk.visitor_calls),
        ("it rings at the agent, who takes the call", talk.agent_takes),
        ("each sees and hears the other: colours and tones are the other's own", talk.both_see_and_hear),
        ("they write to each other", lambda: in_the_call.write_to_each_other(talk)),
        (
            "the agent pauses the recording for card data, and resumes",
            lambda: in_the_call.pause_and_resume(talk),
        ),
        ("notes how it went", lambda: in_the_call.note_it(talk)),
        ("the agent hangs up, and the visitor's call ends", talk.agent_hangs_up),
        ("two recordings, each of one side", lambda: both_sides(talk)),
        (
            "the call on one clock: both sides, the pause, what happened",
            lambda: in_the_call.tell_one_story(talk),
        ),
        ("a WAV export: the visitor left, the agent right", lambda: in_the_call.export_the_sound(talk)),
        ("an MP4 export: both side by side", lambda: in_the_call.export_the_picture(talk)),
        ("the whole call is erased by one request", lambda: in_the_call.erase_the_call(talk)),
    ]


def both_sides(talk: Talk) -> None:
    """Decode both recordings: the visitor is in one, the agent in the other."""
    seen = [talk.decoded(item["id"]) for item in talk.recordings(2)]
    for look in (VISITOR, AGENT):
        require(
            f"one recording is of the {look.name}", ok=sum(is_what_was_shown(one, look) for one in seen) == 1
        )


def run_steps(each: list[tuple[str, Callable[[], Any]]]) -> bool:
    """Run the steps, a line for each; False after the first that fails."""
    for what, step in each:
        begun_s = time.monotonic()
        try:
            told = step()
        except Exception as error:  # noqa: BLE001  # whatever a step meets is its failure
            print(f"FAIL  {time.monotonic() - begun_s:6.2f} s  {what}: {error}", flush=True)
            return False
        extra = f"  {told}" if isinstance(told, str) and told.startswith("{") else ""
        print(f"ok    {time.monotonic() - begun_s:6.2f} s  {what}{extra}", flush=True)
    return True


def main() -> int:
    """Run the steps; the first that fails ends the demo."""
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="callvault-demo-") as name:
        folder = Path(name)
        print("starting callvault dev ...", flush=True)
        with running_program(folder / "vault") as program, open_journey(program, folder) as journey:
            print(f"ok    {time.monotonic() - started_s:6.2f} s  listening at {program.base}", flush=True)
            if not run_steps(steps(journey)):
                return 1
        print("once more, for a call of two ...", flush=True)
        with running_program(folder / "talk") as program, talking(program, folder) as talk:
            if not run_steps(talk_steps(talk)):
                return 1
    print(f"all steps verified in {time.monotonic() - started_s:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
