"""The deletion receipt: the exact leaves and their proofs, in one file that verifies without us."""

import json
from typing import Any

from vault.errors import ConflictError, LedgerBrokenError
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.log import Ledger
from vault.policy import Principal
from vault.rights.asked import DeletionRequest
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

        Raises ConflictError while nothing is proven yet: a receipt never precedes its effect; and
        LedgerBrokenError where an entry is missing.
        """
        return await self.written(await self._requests.get(request_id, by=by))

    async def written(self, request: DeletionRequest) -> bytes:
        """Write the receipt of a request that whoever asks may see."""
        leaves = [leaf for item in request.items for leaf in (item.held_leaf, item.leaf_index)]
        indexes = [leaf for leaf in leaves if leaf is not None]
        if not indexes:
            raise ConflictError("nothing is proven yet; ask again in a moment")
        proofs = await self._checkpoints.proofs(indexes)
        entries = [
            {"leaf": await self._leaf(index, request.tenant_id), "proof": proof}
            for index, proof in zip(indexes, proofs, strict=True)
        ]
        receipt: dict[str, Any] = {
            "v": RECEIPT_VERSION,
            "request": request.id,
            "status": "complete" if request.complete else "pending",
            "entries": entries,
        }
        return json.dumps(receipt, indent=1).encode()

    async def _leaf(self, index: int, tenant_id: str) -> str:
        leaf = await self._ledger.leaf(index, tenant_id=tenant_id)
        if leaf is None:  # leaving it out would make the receipt say less than happened
            raise LedgerBrokenError("an entry of the receipt is not in the ledger")
        return leaf
