"""The text of a checkpoint: three lines, one spelling."""

import base64

import pytest

from crypto.checkpoints import Checkpoint
from crypto.errors import NoteError, ParameterError

ROOT = bytes(range(32))
ROOT_LINE = base64.b64encode(ROOT).decode()
# The example of C2SP tlog-checkpoint.
PUBLISHED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_published_example_is_read_and_written() -> None:
    """C2SP tlog-checkpoint: origin, size, root."""
    checkpoint = Checkpoint.parse(PUBLISHED)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == PUBLISHED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log.example\n1\n{ROOT_LINE}",
        f"log.example\n1\n{ROOT_LINE}\nextension\n",
        f"log.example\n1\n{ROOT_LINE}\n\n",
        f"\n1\n{ROOT_LINE}\n",
        f"log.example\n01\n{ROOT_LINE}\n",
        f"log.example\n-1\n{ROOT_LINE}\n",
        f"log.example\n\n{ROOT_LINE}\n",
        f"log.example\n{1 << 63}\n{ROOT_LINE}\n",
        f"log.example\n1\n{ROOT_LINE[:-1]}\n",
        "log.example\n1\nAAAA\n",
        f"log.example\r\n1\n{ROOT_LINE}\n",
        f"log.example\n1\n{ROOT_LINE} \n",
    ],
)
def test_other_texts_are_no_checkpoint(text: str) -> None:
    """Extension lines too: the second signature would not cover them."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, ROOT),
        ("a\nb", 1, ROOT),
        ("\ud800", 1, ROOT),
        ("a", -1, ROOT),
        ("a", 1 << 63, ROOT),
        ("a", 1, b""),
    ],
)
def test_values_without_a_text_are_refused(origin: str, size: int, root: bytes) -> None:
    """Nothing that could not be read back is ever signed."""
    with pytest.raises(ParameterError):
        Checkpoint(origin, size, root)
