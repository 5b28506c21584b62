"""The deletion receipt: the exact leaves and their proofs, in one file that verifies without us."""

import json
from collections.abc import Sequence
from typing import Any

from vault.errors import ConflictError, LedgerBrokenError
from vault.keys.epochs import Epochs
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.epoch_ends import EpochEnds
from vault.ledger.log import Ledger
from vault.policy import Principal
from vault.rights.asked import DeletionRequest
from vault.rights.requests import DeletionRequests

RECEIPT_VERSION = 1


class Receipts:
    """Writes the receipt of a deletion request (docs/FORMAT.md, receipts)."""

    def __init__(
        self,
        requests: DeletionRequests,
        ledger: Ledger,
        checkpoints: Checkpoints,
        ends: EpochEnds,
        epochs: Epochs,
    ) -> None:
        self._requests = requests
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._ends = ends
        self._epochs = epochs

    async def of(self, request_id: str, *, by: Principal) -> bytes:
        """Write the receipt as it stands: *pending* holds what is proven so far, *complete* every object.

        *Final* has the end of every epoch besides that a key of theirs lived in: from then on no copy of the
        key store opens them, known or not.

        Raises ConflictError while nothing is proven yet: a receipt never precedes its effect; and
        LedgerBrokenError where an entry is missing.
        """
        return await self.written(await self._requests.get(request_id, by=by))

    async def written(self, request: DeletionRequest) -> bytes:
        """Write the receipt of a request that whoever asks may see."""
        told = [index for item in request.items for index in (item.held_leaf, item.leaf_index)]
        indexes = [index for index in told if index is not None]
        if not indexes:
            raise ConflictError("nothing is proven yet; ask again in a moment")
        leaves = [await self._leaf(index, request.tenant_id) for index in indexes]
        ends = await self._ends_of(leaves) if request.complete else None
        if ends:
            indexes += ends
            leaves += [await self._leaf(index, request.tenant_id) for index in ends]
        proofs = await self._checkpoints.proofs(indexes)
        entries = [{"leaf": leaf, "proof": proof} for leaf, proof in zip(leaves, proofs, strict=True)]
        receipt: dict[str, Any] = {
            "v": RECEIPT_VERSION,
            "request": request.id,
            "status": "pending" if not request.complete else "complete" if ends is None else "final",
            "entries": entries,
        }
        return json.dumps(receipt, indent=1).encode()

    async def _ends_of(self, leaves: Sequence[str]) -> list[int] | None:
        """Find the entries that end the epochs of what was shredded; None while one lives on, or again."""
        epochs = {fields["epoch"] for leaf in leaves if "epoch" in (fields := json.loads(leaf))}
        ended = await self._ends.of(epochs)
        if ended and epochs & set(await self._epochs.living()):
            return None
        return sorted(ended.values()) if set(ended) == epochs else None

    async def _leaf(self, index: int, tenant_id: str) -> str:
        leaf = await self._ledger.leaf(index, tenant_id=tenant_id)
        if leaf is None:  # leaving it out would make the receipt say less than happened
            raise LedgerBrokenError("an entry of the receipt is not in the ledger")
        return leaf
