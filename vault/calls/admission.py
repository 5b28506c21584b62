"""Who may control a call's recording. Stopping waits for nothing: what memory knows needs no database."""

from vault.calls.calls import Calls
from vault.calls.floor import Floor
from vault.calls.participants import require_in
from vault.calls.permits import Permit
from vault.db.engine import Database
from vault.errors import ConflictError
from vault.model import CallState, Role
from vault.policy import Permission, Principal, require, require_same_tenant


class Admission:
    """Lets those pass who are in a call, and their company's program."""

    def __init__(self, database: Database, calls: Calls, floor: Floor) -> None:
        self._database = database
        self._calls = calls
        self._floor = floor

    async def permit_of(self, call_id: str, permission: Permission, *, by: Principal) -> Permit:
        """Find what decides about a call's recording.

        Raises ConflictError where the call has ended or ``by`` is not in it, NotFoundError for another
        tenant's.
        """
        require(by, permission)
        known = self._floor.permits.get(call_id)
        if known is not None and self._floor.is_here(call_id, by):
            require_same_tenant(by, known.tenant_id)
            return known
        view = await self._calls.view(call_id, by=by)
        if view.state is CallState.ENDED:
            raise ConflictError("this call has ended")
        if by.role is not Role.SERVICE:
            async with self._database.read() as connection:
                await require_in(connection, call_id, by)
        return self._floor.permit_of(view)
