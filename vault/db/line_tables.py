"""How lines did: numbers of legs, nothing personal."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from vault.db.columns import ID_LENGTH, metadata, reference, tenant

leg_quality: Final = Table(
    "leg_quality",  # how a leg's line did, written when it has ended; none where nobody measured
    metadata,
    Column("leg_id", String(ID_LENGTH), ForeignKey("legs.id"), primary_key=True),
    tenant(),
    reference("call_id", "calls.id"),
    Column("samples", Integer, nullable=False),
    Column("still_ms", BigInteger, nullable=False),  # a picture was sent, and none came whole
    Column("mean_bits_per_s", BigInteger, nullable=True),
    # Shares per thousand: missed on the way, sound and picture that never came, what did not reach the
    # participant.
    Column("mean_missed_permille", Integer, nullable=True),
    Column("worst_missed_permille", Integer, nullable=True),
    Column("mean_sound_lost_permille", Integer, nullable=True),
    Column("worst_sound_lost_permille", Integer, nullable=True),
    Column("mean_received_lost_permille", Integer, nullable=True),
    Column("worst_received_lost_permille", Integer, nullable=True),
    Column("mean_jitter_ms", Integer, nullable=True),
    Column("worst_jitter_ms", Integer, nullable=True),
    Column("mean_round_trip_ms", Integer, nullable=True),
    Column("worst_round_trip_ms", Integer, nullable=True),
    Column("mean_picture_lost_permille", Integer, nullable=True),
    Column("worst_picture_lost_permille", Integer, nullable=True),
    Index(None, "call_id"),
)
