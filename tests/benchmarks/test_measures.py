"""What the measures rest on, tried small: percentiles, pinning, frames counted, bytes played."""

import asyncio
import os
from pathlib import Path

from benchmarks.machine import CALLER_CORE, SERVER_CORE, cpu_time, on_core, own_memory_bytes
from benchmarks.playback import play
from benchmarks.program import lag_p99_s, running_vault
from benchmarks.recorder import carry


def test_a_percentile_lies_inside_its_bucket() -> None:
    """One late wake-up in a thousand is not the 99th percentile; two in a hundred are."""
    before = {0.01: 5.0, 0.02: 5.0, float("inf"): 5.0}
    assert lag_p99_s(before, {0.01: 1004.0, 0.02: 1005.0, float("inf"): 1005.0}) <= 0.01
    assert 0.01 < lag_p99_s(before, {0.01: 103.0, 0.02: 105.0, float("inf"): 105.0}) <= 0.02


def test_a_lag_over_the_last_bucket_is_not_made_smaller_than_it() -> None:
    """What fell into no finite bucket counts as the largest that is known."""
    assert lag_p99_s({}, {0.01: 0.0, 5.0: 0.0, float("inf"): 10.0}) == 5.0


def test_a_block_runs_on_its_core_and_gives_it_back() -> None:
    """Server and callers must not share a core where there are two."""
    before = os.sched_getaffinity(0)
    with on_core(SERVER_CORE):
        assert os.sched_getaffinity(0) == {SERVER_CORE}
    assert os.sched_getaffinity(0) == before
    assert len(before) == 1 or CALLER_CORE != SERVER_CORE


def test_cpu_and_memory_of_a_process_are_read() -> None:
    """Both come from /proc, for any process of ours."""
    assert cpu_time(os.getpid()).own_s > 0
    assert own_memory_bytes(os.getpid()) > 1 << 20


def test_a_small_recording_run_counts_every_frame(tmp_path: Path) -> None:
    """Frames in the manifests are at least those the publishers counted, and CPU was used for them."""
    with running_vault(tmp_path / "vault", legs=1) as vault:
        held = asyncio.run(carry(vault, 1, window_s=1.0))
    assert held.recorded >= held.sent > 0
    assert held.flawed == 0
    assert held.cpu_ms > 0


def test_a_small_playback_run_reads_both_servers(tmp_path: Path) -> None:
    """Seeks and full readings of the sealed and of the plain file are timed in pairs."""
    ours, theirs = asyncio.run(play(tmp_path, size_bytes=1 << 20, seeks=2))
    assert len(ours.first_s) == len(theirs.first_s) == 2
    assert len(ours.bytes_per_s) == len(theirs.bytes_per_s)
