"""Known words and media of a vault, and a search for them in everything that it and its servers write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.campaign_media import PLAN, noise_clip
from tests.end_to_end.canaries import Canaries, Hit

VISITOR = {
    "name": "Zoé Kanari-Vögelchen",
    "email": "zoe.kanari@canary.example",
    "phone": "+33 6 99 88 77 66",
    "reference": "KD-CANARY-4711",
}
PAGE_URL = "https://shop.example/canary-page?order=77KANARI77"
PURPOSE = "canary purpose: the angry customer of Tuesday"
WORDS = {**VISITOR, "page": PAGE_URL, "purpose": PURPOSE}


@dataclass
class Lookout:
    """Searches the places of one program, in its own time: its folder, TMPDIR and log, unless told others."""

    folder: Path
    words: dict[str, str] = field(default_factory=lambda: WORDS)
    places: tuple[Path, ...] = ()
    canaries: Canaries = field(default_factory=Canaries)
    scans: int = 0
    hits: list[Hit] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, text in self.words.items():
            self.canaries.add_word(name, text)
        self.canaries.add_media("sound", noise_clip().frames)
        self.canaries.add_media("picture", PLAN.video_media().frames)
        self.temporary.mkdir(parents=True)
        self.places = self.places or (self.folder, self.temporary, self.log)

    @property
    def temporary(self) -> Path:
        """TMPDIR of the program."""
        return self.folder.parent / "tmp"

    @property
    def log(self) -> Path:
        """What the program writes to its terminal."""
        return self.folder.parent / f"{self.folder.name}.log"

    def look(self) -> None:
        """Search everything that changed since the last time."""
        self.hits += self.canaries.scan(*self.places)
        self.scans += 1

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Search without pause during the block."""
        over = asyncio.Event()

        async def run() -> None:
            while not over.is_set():
                await asyncio.to_thread(self.look)
                await asyncio.sleep(0.1)

        task = asyncio.create_task(run(), name="lookout")
        try:
            yield
        finally:
            over.set()
            await task
