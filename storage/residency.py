"""The residency rule: which placements are allowed, and a store that refuses to write anywhere else.

The list is config/eu-regions.toml. The rule judges what a store says of itself, never what the settings hope.
"""

from __future__ import annotations

import asyncio
import time
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from storage.errors import MisplacedError, RefusedError
from storage.store import (
    ByteRange,
    Erasure,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

RECHECK_S: Final = 60.0  # longer: a bucket moved behind our back is filled on; shorter: two requests a second
# Stores without regions: the operator declares their country, and the evidence says so.
DECLARED: Final = frozenset({"file", "memory"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's regions; they count only at its own host names."""

    name: str
    hosts: tuple[str, ...]
    regions: Mapping[str, str]

    def answers_at(self, host: str) -> bool:
        """Tell whether the host is the provider's."""
        return any(host == own or host.endswith(f".{own}") for own in self.hosts)


@dataclass(frozen=True, slots=True)
class Residency:
    """The rule. `own_regions` are regions of self-hosted services with their country, from settings."""

    countries: frozenset[str]
    providers: tuple[Provider, ...]
    own_regions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, text: str, *, own_regions: Mapping[str, str] | None = None) -> Self:
        """Read the list; raises `MisplacedError` when it is none or has a region in no listed country."""
        try:
            table = tomllib.loads(text)
            countries = frozenset(table["countries"])
            providers = tuple(
                Provider(
                    name, tuple(it["hosts"]), {place.lower(): in_ for place, in_ in it["regions"].items()}
                )
                for name, it in table["providers"].items()
            )
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as cause:
            raise MisplacedError("the list of regions cannot be read: see config/eu-regions.toml") from cause
        strays = {country for it in providers for country in it.regions.values()} - countries
        if strays:
            raise MisplacedError(f"the list of regions names countries it does not allow: {sorted(strays)}")
        declared = {region.lower(): country for region, country in (own_regions or {}).items()}
        return cls(countries, providers, declared)

    def admit(self, placement: Placement) -> Placement:
        """Return the placement with its country; raises `MisplacedError` where the rule does not allow it."""
        admitted = self._located(placement)
        if admitted.country is None:
            hint = (
                "declare storage.country"
                if placement.provider in DECLARED
                else f"declare the region {placement.region!r} in storage.regions, if the service is your own"
            )
            raise MisplacedError(f"the country of {placement.provider} is not known: {hint}")
        if admitted.country not in self.countries:
            where = f"{placement.provider} {placement.region}".strip()
            raise MisplacedError(f"{where} lies in {admitted.country}, outside the allowed countries")
        return admitted

    def _located(self, placement: Placement) -> Placement:
        if placement.provider in DECLARED:
            return placement
        region = placement.region.lower()
        for provider in self.providers:
            if provider.answers_at(placement.provider):
                country = provider.regions.get(region)
                if country is None:
                    raise MisplacedError(f"{provider.name} {placement.region} is not an allowed region")
                return replace(placement, country=country)
        country = self.own_regions.get(region)
        evidence = f"{placement.evidence}; its country is declared by the operator"
        return replace(placement, country=country, evidence=evidence)


class ResidentStore(ObjectStore):
    """A store that asks where it lies before it writes, and stamps the answer on what it stored.

    The answer holds for `recheck_s`; when it cannot be renewed, writing fails and reading and erasing go on.
    """

    def __init__(
        self,
        inner: ObjectStore,
        residency: Residency,
        *,
        recheck_s: float = RECHECK_S,
        monotonic: Callable[[], float] = time.monotonic,
        is_sound: bool = True,
    ) -> None:
        """Wrap a store. One that could not be probed yet (``is_sound`` False) is, before it is written to."""
        self._is_sound = is_sound
        self._inner = inner
        self._residency = residency
        self._recheck_s = recheck_s
        self._monotonic = monotonic
        self._asking = asyncio.Lock()
        self._admitted: tuple[float, Placement] | None = None

    def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give what a listing does not show; see `ObjectStore.hidden`."""
        return self._inner.hidden(older_s=older_s)

    async def placement(self) -> Placement:
        """Return the admitted placement, at most `recheck_s` old.

        Raises `MisplacedError`, and what the inner store raises when it cannot be asked.
        """
        async with self._asking:  # a burst of puts asks once
            if self._admitted and self._monotonic() - self._admitted[0] < self._recheck_s:
                return self._admitted[1]
            self._admitted = None
            admitted = self._residency.admit(await self._inner.placement())
            self._admitted = (self._monotonic(), admitted)
            return admitted

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object if the store may keep it; `MisplacedError` comes before the body is touched."""
        placement = await self.placement()
        if not self._is_sound:
            await self._require_sound()
        stored = await self._inner.put(key, body, if_absent=if_absent)
        return replace(stored, placement=placement)

    async def _require_sound(self) -> None:
        found = await self._inner.probe()
        if found.serious:
            raise RefusedError(f"the store cannot be used: {found.serious[0].message}")
        self._is_sound = True

    def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AbstractAsyncContextManager[Reading]:
        """Open an object; see `ObjectStore.open`."""
        return self._inner.open(key, byte_range, etag=etag)

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await self._inner.read(key, byte_range, limit_bytes=limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return await self._inner.head(key)

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; see `ObjectStore.list`."""
        return self._inner.list(prefix)

    async def erase(self, key: ObjectKey) -> Erasure:
        """Erase, wherever it lies; see `ObjectStore.erase`."""
        return await self._inner.erase(key)

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        return await self._inner.remains(where)

    async def probe(self) -> ProbeReport:
        """Ask for the placement first: a probe writes; then see `ObjectStore.probe`."""
        await self.placement()
        return await self._inner.probe()

    async def aclose(self) -> None:
        """Close the inner store."""
        await self._inner.aclose()
