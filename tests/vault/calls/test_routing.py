"""Whom a button rings: the rules of a pure decision, for any people and any time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vault.calls.routing import EVERYONE, RING_S_MAX, RING_S_MIN, Agent, Routing, choose
from vault.model import Id

NAMES = [Id(name) for name in "abcdef"]
START = datetime(2026, 11, 23, tzinfo=UTC)

people = st.lists(
    st.builds(
        Agent,
        st.sampled_from(NAMES),
        st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes)),
        busy=st.booleans(),
        rung=st.booleans(),
    ),
    unique_by=lambda agent: agent.id,
)
some = st.sets(st.sampled_from(NAMES))
routings = st.builds(
    Routing,
    st.sampled_from(["everyone", "people"]),
    some.map(lambda names: tuple(sorted(names))),
    st.sampled_from(["all", "longest_idle"]),
    st.integers(RING_S_MIN, RING_S_MAX),
)


@given(routings, people, some, some)
def test_nobody_is_rung_who_may_not_be(
    routing: Routing, agents: list[Agent], ringing: set[Id], tried: set[Id]
) -> None:
    """Rung are the named, free and untried; dropped are those who are none of it any more; nobody twice."""
    tried -= ringing
    choice = choose(routing, agents, ringing=ringing, tried=tried)
    may = {agent.id for agent in agents if routing.names(agent.id) and not agent.busy} - tried
    assert set(choice.ring) <= may - ringing
    assert set(choice.drop) == ringing - may
    assert len(set(choice.ring)) == len(choice.ring)
    assert choice.hope == any(routing.names(agent.id) and agent.id not in tried for agent in agents)


@given(routings, people, some, some)
def test_all_means_all_and_one_after_the_other_means_one(
    routing: Routing, agents: list[Agent], ringing: set[Id], tried: set[Id]
) -> None:
    """The one that is rung is free of other calls, and has been idle longest."""
    tried -= ringing
    choice = choose(routing, agents, ringing=ringing, tried=tried)
    free = [agent for agent in agents if routing.names(agent.id) and not agent.busy and agent.id not in tried]
    still = ringing & {agent.id for agent in free}
    if routing.strategy == "all":
        assert set(choice.ring) | still == {agent.id for agent in free}
        return
    idle = [agent for agent in free if not agent.rung]
    if still or not idle:
        assert choice.ring == ()
        return
    (first,) = (agent for agent in agents if agent.id in choice.ring)
    assert first.idle_since == min(agent.idle_since for agent in idle)


@given(people, some)
def test_what_is_decided_stays_decided(agents: list[Agent], tried: set[Id]) -> None:
    """A second look at the same moment changes nothing: rings do not flicker."""
    for strategy in ("all", "longest_idle"):
        routing = Routing(strategy=strategy)
        first = choose(routing, agents, ringing=(), tried=tried)
        second = choose(routing, agents, ringing=first.ring, tried=tried)
        assert (second.ring, second.drop) == ((), ())


@given(routings)
def test_a_setting_is_read_as_it_was_written(routing: Routing) -> None:
    """Through the table's JSON and back."""
    assert Routing.from_json(routing.to_json()) == routing


def test_a_button_that_says_nothing_rings_everyone_at_once() -> None:
    """Thirty seconds, all of them."""
    setting = {"to": "everyone", "person_ids": [], "strategy": "all", "ring_s": 30, "team_ids": []}
    setting["callbacks"] = "inviter"
    assert EVERYONE.to_json() == setting


@given(routings, some)
def test_teams_are_the_people_who_are_in_them_and_nothing_else_changes(
    routing: Routing, members: set[Id]
) -> None:
    """The decision knows people only; a setting that names no teams is left as it is."""
    assert routing.of_people(members) is routing
    of_teams = Routing("teams", (), routing.strategy, routing.ring_s, (Id("t"),))
    assert not any(of_teams.names(name) for name in NAMES)
    found = of_teams.of_people(members)
    assert {name for name in NAMES if found.names(name)} == members
    assert (found.strategy, found.ring_s) == (routing.strategy, routing.ring_s)


def test_a_setting_is_read_as_it_was_written_and_one_without_teams_too() -> None:
    """Buttons from before there were teams keep their setting."""
    kept = Routing("teams", (), "longest_idle", 20, (Id("t"),))
    assert Routing.from_json(kept.to_json()) == kept
    old = EVERYONE.to_json()
    del old["team_ids"], old["callbacks"]
    assert Routing.from_json(old) == EVERYONE
