"""Sample tables: descriptions, chunks, durations."""

import struct

from tests.webrtc.studio import H264, Scene, audio, index_of, video
from webrtc.mp4_tables import Chunk, Descriptions, sample_table

RTP = 4_000_000_000


def test_a_description_begins_where_the_picture_changes() -> None:
    """Frames ask in order; a size that comes back uses its first description again."""
    scene = Scene().add(
        video(1, info=H264),
        video(1, info=H264, size=(320, 240), from_s=1, rtp=RTP + 90_000),
        video(1, info=H264, from_s=2, rtp=RTP + 180_000),
    )
    (track,) = index_of(scene.fragments()).tracks
    descriptions = Descriptions(track)
    assert [descriptions.of(at) for at in range(90)] == [1] * 30 + [2] * 30 + [1] * 30
    assert len(descriptions.distinct) == 2


def test_sound_has_one_description_and_no_sync_table() -> None:
    """Every Opus packet can be entered; a roll group tells how many to decode before."""
    (track,) = index_of(Scene().add(audio(1)).fragments()).tracks
    descriptions = Descriptions(track)
    assert [descriptions.of(at) for at in range(50)] == [1] * 50
    table = sample_table(track, descriptions, [Chunk(50, 1, 0)], 1000, wide=False)
    assert b"stss" not in table
    assert b"sgpd" in table
    assert b"roll" in table


def test_equal_durations_take_one_row() -> None:
    """A second of sound is one row of fifty times 960 samples, whatever its packets weigh."""
    (track,) = index_of(Scene().add(audio(1)).fragments()).tracks
    table = sample_table(track, Descriptions(track), [Chunk(50, 1, 0)], 1000, wide=False)
    at = table.index(b"stts") + 8
    assert struct.unpack_from(">III", table, at) == (1, 50, 960)


def test_offsets_count_from_the_start_of_the_file() -> None:
    """In 32 bits or, where asked, in 64."""
    (track,) = index_of(Scene().add(audio(1)).fragments()).tracks
    chunks = [Chunk(25, 1, 0), Chunk(25, 1, 5000)]
    narrow = sample_table(track, Descriptions(track), chunks, 1000, wide=False)
    assert struct.unpack_from(">III", narrow, narrow.index(b"stco") + 8) == (2, 1000, 6000)
    wide = sample_table(track, Descriptions(track), chunks, 2**33, wide=True)
    assert struct.unpack_from(">IQQ", wide, wide.index(b"co64") + 8) == (2, 2**33, 2**33 + 5000)
