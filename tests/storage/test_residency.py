"""The residency rule and the list it stands on."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.errors import MisplacedError, RefusedError, UnavailableError
from storage.memory import MemoryStore
from storage.residency import Residency, ResidentStore
from storage.store import Finding, ObjectStore, Placement, ProbeReport, Versioning
from tests.storage.contract import KEY, SMALL, ObjectStoreContract, in_pieces
from tests.storage.flaky import FlakyStore, Trouble

LIST = Path(__file__).parents[2] / "config/eu-regions.toml"
EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU_AND_EEA = {*EU.split(), "IS", "LI", "NO"}


def rule(**own_regions: str) -> Residency:
    """Return the rule with the repository's list and regions an operator declared."""
    return Residency.from_toml(LIST.read_text(), own_regions=own_regions)


def at(provider: str, region: str, country: str | None = None) -> Placement:
    """Return a placement as a store tells it."""
    return Placement(provider, region, country, "asked")


class TestResidentStore(ObjectStoreContract):
    """A store under the rule keeps the contract."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """The memory store in France."""
        store = ResidentStore(MemoryStore(country="FR"), rule())
        yield store
        await store.aclose()


def test_the_list_is_the_eu_and_the_eea() -> None:
    """27 members and three EEA countries; each region lies in one of them."""
    table = tomllib.loads(LIST.read_text())
    assert set(table["countries"]) == EU_AND_EEA
    for provider in table["providers"].values():
        assert set(provider["regions"].values()) <= EU_AND_EEA
        assert provider["hosts"]


@pytest.mark.parametrize(
    ("host", "region", "country"),
    [
        ("s3.eu-west-3.amazonaws.com", "eu-west-3", "FR"),
        ("s3.amazonaws.com", "eu-central-1", "DE"),
        ("s3.fr-par.scw.cloud", "fr-par", "FR"),
        ("s3.gra.io.cloud.ovh.net", "GRA", "FR"),
        ("fsn1.your-objectstorage.com", "fsn1", "DE"),
        ("sos-at-vie-1.exo.io", "at-vie-1", "AT"),
        ("oos.eu-west-2.outscale.com", "eu-west-2", "FR"),
    ],
)
def test_regions_in_the_eu_are_admitted(host: str, region: str, country: str) -> None:
    """The provider's own region names decide, whatever their case."""
    assert rule().admit(at(host, region)).country == country


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("s3.eu-west-2.amazonaws.com", "eu-west-2"),  # London
        ("s3.eu-central-2.amazonaws.com", "eu-central-2"),  # Zurich
        ("s3.us-east-1.amazonaws.com", "us-east-1"),
        ("s3.amazonaws.com.evil.example", "eu-west-3"),
        ("notamazonaws.com", "eu-west-3"),
        ("s3.uk.io.cloud.ovh.net", "uk"),
        ("sos-ch-gva-2.exo.io", "ch-gva-2"),
        ("127.0.0.1", "eu-west-3"),
        ("s3.eu-west-3.amazonaws.com", ""),
        ("", ""),
    ],
)
def test_anything_else_is_refused(host: str, region: str) -> None:
    """A name that sounds European is no evidence, and neither is a region at a stranger's host."""
    with pytest.raises(MisplacedError):
        rule().admit(at(host, region))


def test_an_operator_declares_regions_of_their_own() -> None:
    """A self-hosted region counts with its declared country, and the evidence says whose word it is."""
    admitted = rule(lab="FR").admit(at("s3.example.org", "lab"))
    assert admitted.country == "FR"
    assert "declared by the operator" in admitted.evidence
    with pytest.raises(MisplacedError):
        rule(lab="CH").admit(at("s3.example.org", "lab"))


def test_a_declaration_does_not_speak_for_a_known_provider() -> None:
    """Settings cannot move London into the EU."""
    own = {"eu-west-2": "FR"}
    with pytest.raises(MisplacedError):
        Residency.from_toml(LIST.read_text(), own_regions=own).admit(
            at("s3.eu-west-2.amazonaws.com", "eu-west-2")
        )


@pytest.mark.parametrize("country", [None, "GB", "CH", "US"])
def test_a_folder_needs_a_declared_country_in_the_eu(country: str | None) -> None:
    """A file system does not know where it is; without the operator's word nothing is written."""
    with pytest.raises(MisplacedError):
        rule().admit(at("file", "", country))
    assert rule().admit(at("file", "", "NO")).country == "NO"


@pytest.mark.parametrize(
    "text",
    ["", "no toml", "[countries]\n", "[countries]\nFR='F'\n[providers.x]\nhosts=['x']\nregions={a='US'}\n"],
)
def test_a_list_that_is_none_is_refused(text: str) -> None:
    """A broken list admits nothing: it does not even load."""
    with pytest.raises(MisplacedError):
        Residency.from_toml(text)


async def test_nothing_is_written_where_it_may_not_lie() -> None:
    """The refusal comes before the body is touched; nothing remains."""
    inner = MemoryStore(country="US")
    store = ResidentStore(inner, rule())
    touched: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        async for piece in in_pieces(SMALL):
            touched.append(piece)
            yield piece

    for attempt in (store.put(KEY, SMALL), store.put(KEY, body()), store.probe()):
        with pytest.raises(MisplacedError):
            await attempt
    assert touched == []
    assert await inner.remains("") == ()


async def test_every_object_carries_its_placement() -> None:
    """Put stamps the admitted placement on what it stored."""
    stored = await ResidentStore(MemoryStore(country="FR"), rule()).put(KEY, SMALL)
    assert stored.placement == Placement("memory", "", "FR", "declared by the operator")


async def test_the_placement_is_asked_again_in_time() -> None:
    """The answer holds for a minute; then a store that moved is refused, and reading goes on."""
    now_s = 0.0
    inner = FlakyStore()
    store = ResidentStore(inner, rule(), monotonic=lambda: now_s)
    await store.put(KEY, SMALL)
    inner._country = "US"
    now_s = 59.0
    await store.put(KEY, SMALL)
    now_s = 60.0
    with pytest.raises(MisplacedError):
        await store.put(KEY, SMALL)
    assert await store.read(KEY, limit_bytes=100) == SMALL
    assert (await store.erase(KEY)).versions_deleted == 1


async def test_a_store_that_cannot_be_asked_is_not_written_to() -> None:
    """When the answer has run out and cannot be renewed, writing fails closed."""
    inner = FlakyStore(Trouble.BEFORE)
    store = ResidentStore(inner, rule())
    with pytest.raises(UnavailableError):
        await store.put(KEY, SMALL)
    await store.put(KEY, SMALL)


class UnsoundStore(MemoryStore):
    """A store whose probe says that it may not be used, until it may."""

    def __init__(self) -> None:
        super().__init__(country="FR")
        self.findings: tuple[Finding, ...] = (Finding("public", serious=True, message="everybody reads it"),)
        self.probes = 0

    async def probe(self) -> ProbeReport:
        """Tell, and count."""
        self.probes += 1
        return ProbeReport("memory", Versioning.OFF, object_lock=False, public=False, findings=self.findings)


async def test_a_store_that_was_away_at_the_start_is_probed_before_anything_is_written() -> None:
    """And once it is found sound, no more."""
    inner = UnsoundStore()
    store = ResidentStore(inner, Residency(frozenset({"FR"}), ()), is_sound=False)
    with pytest.raises(RefusedError, match="everybody reads it"):
        await store.put(KEY, SMALL)
    assert await inner.remains("") == ()
    inner.findings = ()
    for _ in range(3):
        await store.put(KEY, SMALL)
    assert inner.probes == 2
