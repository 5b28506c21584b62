"""The deletion receipt: the exact leaves and their proofs, in one file that verifies without us."""

import json
from typing import Any

from vault.errors import ConflictError
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.log import Ledger
from vault.policy import Principal
from vault.rights.requests import DeletionRequests

RECEIPT_VERSION = 1


class Receipts:
    """Writes the receipt of a deletion request (docs/FORMAT.md, receipts)."""

    def __init__(self, requests: DeletionRequests, ledger: Ledger, checkpoints: Checkpoints) -> None:
        self._requests = requests
        self._ledger = ledger
        self._checkpoints = checkpoints

    async def of(self, request_id: str, *, by: Principal) -> bytes:
        """Write the receipt as it stands: *pending* holds what is proven so far, *complete* everything.

        Raises ConflictError while nothing is proven yet: a receipt never precedes its effect.
        """
        request = await self._requests.get(request_id, by=by)
        entries = []
        for item in request.items:
            if item.leaf_index is None:
                continue
            leaf = await self._ledger.leaf(item.leaf_index, tenant_id=request.tenant_id)
            if leaf is not None:
                entries.append({"leaf": leaf, "proof": await self._checkpoints.proof(item.leaf_index)})
        if not entries:
            raise ConflictError("nothing is proven yet; ask again in a moment")
        receipt: dict[str, Any] = {
            "v": RECEIPT_VERSION,
            "request": request.id,
            "status": "complete" if request.complete else "pending",
            "entries": entries,
        }
        return json.dumps(receipt, indent=1).encode()
