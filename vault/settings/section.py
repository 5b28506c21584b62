"""What sections of the settings are made of: a table that knows its keys, and values that several have."""

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

TURN_URL: Final = re.compile(
    r"turns?:(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?"
)


def _ip_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """Write each as the system writes it; a name or a network is refused."""
    try:
        return tuple(str(ip_address(value)) for value in values)
    except ValueError as cause:
        raise ValueError("write IP addresses, without names, ports or brackets") from cause


def _listed(value: object) -> object:
    """Take one address, or several with commas between, for a list."""
    return (
        tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value
    )


def _turn_urls(values: tuple[str, ...]) -> tuple[str, ...]:
    """Take what RFC 7065 allows, without what would end a quoted header value."""
    if not all(TURN_URL.fullmatch(value) for value in values):
        raise ValueError(
            "write TURN servers like turn:host:3478?transport=udp or turns:host:443?transport=tcp"
        )
    return values


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bytes = Annotated[int, Field(gt=0)]
Addresses = Annotated[tuple[str, ...], AfterValidator(_ip_addresses), BeforeValidator(_listed)]
TurnUrls = Annotated[tuple[str, ...], AfterValidator(_turn_urls), BeforeValidator(_listed)]


class Section(BaseModel):
    """A table of ``callvault.toml``; unknown keys are an error, values cannot change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
