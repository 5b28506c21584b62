"""The ledger's public face: its keys, its newest checkpoint, proofs of entries."""

from typing import Final

from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import Out
from vault.policy import Permission

NOTE: Final = "text/plain"
NOTE_IN_UTF8: Final = f"{NOTE}; charset=utf-8"  # a signature line begins with an em dash


class LedgerKeysOut(Out):
    """The verifier keys, one line each (C2SP signed-note): pin them before you need them."""

    origin: str
    keys: list[str]


class EntryProof(Out):
    """A leaf, exactly as it was hashed, and its proof (C2SP tlog-proof)."""

    index: int
    leaf: str
    proof: str


async def ledger_keys(ask: Ask[None, None]) -> Answer:
    """Give the verifier keys."""
    keys = ask.services.checkpoints.keys
    return Answer(body=LedgerKeysOut(origin=keys.origin, keys=[verifier.vkey for verifier in keys.verifiers]))


async def newest_checkpoint(ask: Ask[None, None]) -> Answer:
    """Give the newest signed checkpoint; asking signs nothing."""
    return Answer(body=await ask.services.checkpoints.latest(), content_type=NOTE_IN_UTF8)


async def entry_proof(ask: Ask[None, None]) -> Answer:
    """Prove one entry."""
    index = int(ask.path["index"])
    leaf = await ask.services.ledger.leaf(index, tenant_id=ask.principal.tenant_id)
    if leaf is None:
        raise NotFoundError("the ledger has no such entry of yours")
    return Answer(body=EntryProof(index=index, leaf=leaf, proof=await ask.services.checkpoints.proof(index)))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/ledger/key",
        handler=ledger_keys,
        needs=Permission.PUBLIC,
        summary="The ledger's verifier keys.",
        tag="ledger",
        responses={200: LedgerKeysOut},
    ),
    Route(
        method="GET",
        path="/v1/ledger/checkpoint",
        handler=newest_checkpoint,
        needs=Permission.PUBLIC,
        summary="The newest signed checkpoint.",
        tag="ledger",
        responses={200: NOTE},
    ),
    Route(
        method="GET",
        path="/v1/ledger/entries/{index}/proof",
        handler=entry_proof,
        needs=Permission.LEDGER_READ,
        summary="Prove an entry of one's own tenant.",
        tag="ledger",
        responses={200: EntryProof},
        errors=(NotFoundError,),
        patterns={"index": "[0-9]{1,15}"},
    ),
)
