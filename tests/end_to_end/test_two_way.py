"""A call of two people: they see and hear each other through the vault, and both sides are kept."""

from pathlib import Path

import pytest

from tests.end_to_end.fake_devices import AGENT, VISITOR, is_what_was_shown
from tests.end_to_end.folders import files_below
from tests.end_to_end.in_the_call import play_together
from tests.end_to_end.program import running_program
from tests.end_to_end.two_browsers import talking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_visitor_and_agent_see_and_hear_each_other_and_both_are_recorded(tmp_path: Path) -> None:
    """Ring, take, talk, hang up: both perceive each other, each side is kept, both are played together."""
    with running_program(tmp_path / "vault") as program, talking(program, tmp_path) as talk:
        talk.agent_is_there()
        talk.visitor_calls()
        talk.agent_takes()
        talk.both_see_and_hear()
        talk.visitor.wait_for_timeout(2000)
        talk.agent_hangs_up()
        items = talk.recordings(2)
        assert len({item["call_id"] for item in items}) == 1
        kept = [talk.decoded(item["id"]) for item in items]
        assert sum(is_what_was_shown(seen, VISITOR) for seen in kept) == 1, kept
        assert sum(is_what_was_shown(seen, AGENT) for seen in kept) == 1, kept
        play_together(talk)


def test_a_call_that_may_not_be_recorded_is_a_call_all_the_same(tmp_path: Path) -> None:
    """The visitor refuses: both see and hear each other, and nothing of either side exists afterwards."""
    with running_program(tmp_path / "vault") as program, talking(program, tmp_path) as talk:
        talk.agent_is_there()
        talk.visitor_calls(choice="refused")
        talk.agent_takes()
        talk.both_see_and_hear()
        talk.agent_hangs_up()
        assert talk.api("GET", "/v1/media").json()["items"] == []
        assert not files_below(program.folder / "objects" / "spool")
