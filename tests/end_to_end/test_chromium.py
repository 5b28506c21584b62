"""The main job in Chromium, against the program as ``make run`` starts it."""

from pathlib import Path

import pytest

from tests.end_to_end.journey import open_journey
from tests.end_to_end.program import running_program
from tests.end_to_end.the_turn import restore_it_elsewhere, the_receipt_is_final, turn_the_epoch
from tests.servers.parts import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_call_is_recorded_sealed_played_by_right_and_erased_with_proof(tmp_path: Path) -> None:
    """Press, accept, talk ten seconds, hang up, play, seek, decode, erase, verify (README)."""
    need("chromium")
    with running_program(tmp_path / "vault") as program, open_journey(program, tmp_path) as journey:
        journey.press_the_button()
        journey.accept_and_talk(10)
        journey.hang_up()
        journey.come_back("This call was recorded, and is kept")
        journey.sign_in()
        journey.find_it()
        journey.open_it()
        journey.seek(5.0)
        seen = journey.decode_it()
        assert 9.0 < seen.duration_s < 14.0
        journey.erase_it()
        journey.verify_the_receipt()
        journey.come_back("The recording is erased")
        journey.see_it_gone()
        turn_the_epoch(journey)
        the_receipt_is_final(journey)
        restore_it_elsewhere(journey)
