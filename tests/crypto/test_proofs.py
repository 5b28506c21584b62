"""The text of a proof, against the example of C2SP tlog-proof."""

import base64

import pytest

from crypto.errors import ProofError
from crypto.proofs import Proof, format_proof, parse_proof

# The example of C2SP tlog-proof; the specification itself abridges its signatures.
PUBLISHED = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

\u2014 example.com/fancylog hI2DJw[...]1roloI=
\u2014 witness1.example mJirIklj[...]qY9v2B/5bg==
\u2014 witness2.example TnKKVHLX[...]xwYwrSjgow==
\u2014 witness3.example S4X82uH5[...]3oEcROGLFQ==
"""
HASH_LINE = base64.b64encode(bytes(32)).decode()
HEAD = "c2sp.org/tlog-proof@v1\n"


def test_the_c2sp_example_is_read_and_written() -> None:
    """Extra data, index, path and checkpoint, each where the specification puts it."""
    proof = parse_proof(PUBLISHED)
    assert (proof.index, len(proof.hashes)) == (73_894, 5)
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.checkpoint.startswith("example.com/fancylog\n109482\nsFodV/")
    assert proof.checkpoint.endswith("3oEcROGLFQ==\n")
    assert format_proof(proof) == PUBLISHED


def test_a_tree_of_one_leaf_has_an_empty_path() -> None:
    """No hash lines at all."""
    proof = Proof(0, (), "log.example\n1\nx\n\nsig\n")
    assert format_proof(proof) == HEAD + "index 0\n\nlog.example\n1\nx\n\nsig\n"
    assert parse_proof(format_proof(proof)) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + "index 0\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint\n",
        "C2SP.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n",
        HEAD + "\nindex 0\n\ncheckpoint\n",
        HEAD + "index 00\n\ncheckpoint\n",
        HEAD + "index -1\n\ncheckpoint\n",
        HEAD + "index\n\ncheckpoint\n",
        HEAD + "Index 0\n\ncheckpoint\n",
        HEAD + f"{HASH_LINE}\nindex 0\n\ncheckpoint\n",
        HEAD + f"index 0\n{HASH_LINE[:-1]}\n\ncheckpoint\n",
        HEAD + f"index 0\n{HASH_LINE} \n\ncheckpoint\n",
        HEAD + "index 0\nAAAA\n\ncheckpoint\n",
        HEAD + "extra A\nindex 0\n\ncheckpoint\n",
        HEAD + "extra AAAA\n\ncheckpoint\n",
        HEAD + "extra AAAA\nextra AAAA\nindex 0\n\ncheckpoint\n",
        HEAD + "index 0\n" + f"{HASH_LINE}\n" * 64 + "\ncheckpoint\n",
        HEAD + "index 0\n\n" + "c" * 1_000_000,
    ],
)
def test_a_malformed_proof_is_refused(text: str) -> None:
    """Another version, a missing or repeated line, another spelling of a number or hash, sheer length."""
    with pytest.raises(ProofError):
        parse_proof(text)
