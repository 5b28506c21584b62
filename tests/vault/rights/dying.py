"""A program that erases and is killed by SIGKILL at its n-th durable step, for every n there is.

    python -m tests.vault.rights.dying FOLDER [STRIDE]

One process prepares FOLDER/template: databases, a folder of objects, a call with a finished recording. For
each n the folder is copied, a forked process erases in the copy and is killed at step n, and a second forked
process is the next start: it carries on, looks for what is left and prints one JSON line. Real processes
and real files; the fork only saves the time of the imports.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.filesystem import FilesystemStore
from tests.vault.media.crashes import Wire
from tests.vault.media.workshop import Workshop, begin_work, open_ground, scene
from tests.vault.rights.traces import Traces, left_of, receipt_of, states, traces_of, watched
from vault.model import ErasureReason, Id

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

CASE = "case.json"


async def files_in(folder: Path) -> FilesystemStore:
    """The store of a folder."""
    return await FilesystemStore.create(folder / "objects", country="FR")


async def prepare(folder: Path) -> None:
    """Make a recording that somebody watched, and note what must not be found later."""
    async with open_ground(
        folder, store=await FilesystemStore.create(folder / "objects", country="FR")
    ) as at:
        work = await begin_work(at)
        call = await work.consented()
        begun = await work.ready(scene(1.5, codec="none"), call)
        await watched(work, begun)
        traces = await traces_of(work, begun.media_id, call.id)
    case = {
        "tenant": work.tenant_id,
        "call": call.id,
        "objects": traces.objects,
        "wrapped": [blob.hex() for blob in traces.wrapped],
        "sealed": [blob.hex() for blob in traces.sealed],
    }
    (folder.parent / CASE).write_text(json.dumps(case))


async def erase(folder: Path, case: dict[str, Any], wire: Wire) -> Workshop:
    """Ask for the erasure where nobody has yet, and carry it."""
    async with open_ground(
        folder, store=await FilesystemStore.create(folder / "objects", country="FR")
    ) as at:
        work = Workshop(at, wire, Id(case["tenant"]))
        await work.keys.start()
        if case["call"] not in await states(work):
            await work.requests.of_call(case["call"], ErasureReason.VISITOR_REQUEST, by=work.by())
        left_over = await work.keeper.turn()
        traces = Traces(
            tuple(case["objects"]),
            tuple(bytes.fromhex(blob) for blob in case["wrapped"]),
            tuple(bytes.fromhex(blob) for blob in case["sealed"]),
        )
        request_id = await work.requests.request_of(case["call"])
        receipt = await receipt_of(work, request_id or "")
        told = {"pending": left_over, "left": await left_of(work, traces), "receipt": receipt.status}
        (folder / "told.json").write_text(json.dumps(told))
    return work


def in_fork(act: Callable[[], Coroutine[Any, Any, object]]) -> int:
    """Run something in a process of its own; its wait status."""
    child = os.fork()
    if child == 0:
        asyncio.run(act())
        os._exit(0)
    return os.waitpid(child, 0)[1]


async def count(folder: Path, case: dict[str, Any]) -> None:
    """Write down how many steps an undisturbed erasure takes."""
    wire = Wire()
    await erase(folder, case, wire)
    (folder / "steps.json").write_text(json.dumps(wire.steps))


def main() -> None:
    """Kill at every step and tell what the next start made of it."""
    root, stride = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if in_fork(lambda: prepare(root / "template")):
        raise SystemExit("the template could not be made")
    case = json.loads((root / CASE).read_text())
    shutil.copytree(root / "template", root / "counted")
    in_fork(lambda: count(root / "counted", case))
    steps = json.loads((root / "counted" / "steps.json").read_text())
    folder = root / "dying"
    for number in range(1, len(steps) + 1, stride):
        shutil.copytree(root / "template", folder)
        status = in_fork(partial(erase, folder, case, Wire(number, kills=True)))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        ended = in_fork(partial(erase, folder, case, Wire()))
        told = json.loads((folder / "told.json").read_text()) if ended == 0 else {}
        line = {"number": number, "step": steps[number - 1], "killed": killed, "ended": ended, **told}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
