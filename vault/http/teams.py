"""Teams of a tenant, and who is in them: ``/v1/teams``."""

from typing import Final

from pydantic import Field

from vault.calls.teams import Team
from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Out, Text
from vault.policy import Permission


class TeamIn(In):
    """A team, by its name."""

    name: Text = Field(min_length=1, max_length=100)


class TeamOut(Out):
    """A team with the people who are in it."""

    id: str
    name: str
    person_ids: list[str]


class TeamList(Out):
    """All teams of a tenant, by name; there are few, so there are no pages."""

    items: list[TeamOut]


async def list_teams(ask: Ask[None, None]) -> Answer:
    """List the tenant's teams."""
    found = await ask.services.teams.list(by=ask.principal)
    return Answer(body=TeamList(items=[_present(team) for team in found]))


async def add_team(ask: Ask[TeamIn, None]) -> Answer:
    """Make a team."""
    made = await ask.services.teams.create(ask.body.name, by=ask.principal)
    return Answer(status=201, body=_present(made), headers={"Location": f"/v1/teams/{made.id}"})


async def show_team(ask: Ask[None, None]) -> Answer:
    """Show a team."""
    return Answer(body=_present(await ask.services.teams.one(ask.path["team_id"], by=ask.principal)))


async def rename_team(ask: Ask[TeamIn, None]) -> Answer:
    """Give a team another name."""
    changed = await ask.services.teams.rename(ask.path["team_id"], ask.body.name, by=ask.principal)
    return Answer(body=_present(changed))


async def delete_team(ask: Ask[None, None]) -> Answer:
    """Delete a team."""
    await ask.services.teams.delete(ask.path["team_id"], by=ask.principal)
    return Answer(status=204)


async def add_member(ask: Ask[None, None]) -> Answer:
    """Put a person into a team."""
    await ask.services.teams.add_member(ask.path["team_id"], ask.path["person_id"], by=ask.principal)
    return Answer(status=204)


async def remove_member(ask: Ask[None, None]) -> Answer:
    """Take a person out of a team."""
    await ask.services.teams.remove_member(ask.path["team_id"], ask.path["person_id"], by=ask.principal)
    return Answer(status=204)


def _present(team: Team) -> TeamOut:
    return TeamOut(id=team.id, name=team.name, person_ids=list(team.person_ids))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/teams",
        handler=list_teams,
        needs=Permission.PEOPLE_READ,
        summary="List teams.",
        tag="teams",
        responses={200: TeamList},
    ),
    Route(
        method="POST",
        path="/v1/teams",
        handler=add_team,
        needs=Permission.PEOPLE_MANAGE,
        summary="Make a team.",
        tag="teams",
        body=TeamIn,
        creates=True,
        responses={201: TeamOut},
        errors=(ConflictError,),
    ),
    Route(
        method="GET",
        path="/v1/teams/{team_id}",
        handler=show_team,
        needs=Permission.PEOPLE_READ,
        summary="Show a team.",
        tag="teams",
        responses={200: TeamOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="PATCH",
        path="/v1/teams/{team_id}",
        handler=rename_team,
        needs=Permission.PEOPLE_MANAGE,
        summary="Rename a team.",
        tag="teams",
        body=TeamIn,
        responses={200: TeamOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="DELETE",
        path="/v1/teams/{team_id}",
        handler=delete_team,
        needs=Permission.PEOPLE_MANAGE,
        summary="Delete a team that no button rings.",
        tag="teams",
        responses={204: None},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="PUT",
        path="/v1/teams/{team_id}/members/{person_id}",
        handler=add_member,
        needs=Permission.PEOPLE_MANAGE,
        summary="Put a person into a team.",
        tag="teams",
        responses={204: None},
        errors=(NotFoundError,),
    ),
    Route(
        method="DELETE",
        path="/v1/teams/{team_id}/members/{person_id}",
        handler=remove_member,
        needs=Permission.PEOPLE_MANAGE,
        summary="Take a person out of a team.",
        tag="teams",
        responses={204: None},
        errors=(NotFoundError,),
    ),
)
