"""What the others in a call may see of somebody: a person's name, and of a visitor nothing."""

import structlog

from vault.errors import VaultError
from vault.identity.people import People
from vault.model import Role
from vault.policy import Principal

log = structlog.get_logger(__name__)


class Names:
    """Looks names up; a call does not wait for one that cannot be read."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def of(self, who: Principal) -> str:
        """Return a person's name; empty where there is none to be seen."""
        if who.role is Role.VISITOR:
            return ""
        try:
            person = await self._people.shown(who.id, tenant_id=who.tenant_id)
        except VaultError as error:
            log.warning("leg.without_name", principal_id=who.id, error=type(error).__name__)
            return ""
        return person.name
