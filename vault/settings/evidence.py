"""What a vault cannot find out of itself, and an evidence pack has to say."""

from typing import Annotated

from pydantic import Field, StringConstraints

from vault.settings.section import Section

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class SubProcessor(Section):
    """Another company that processes personal data for the operator (Art. 28(2) and (4) GDPR)."""

    name: Line = Field(description="Its name, as in the contract.")
    role: Line = Field(description="What it does: hosting, object storage, keys, relays.")
    country: str = Field(pattern=r"^[A-Z]{2}$", description="Where it does so: an ISO country code.")


class EvidenceSettings(Section):
    """What an evidence pack says beside what the program finds out by itself; declared, not proven."""

    processor: str = Field(
        "",
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Who runs this vault for its companies, as in the contract.",
    )
    sub_processors: tuple[SubProcessor, ...] = Field(
        (),
        max_length=100,
        description="Those who help, each an [[evidence.sub_processors]] with name, role, country.",
    )
