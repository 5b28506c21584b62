"""What Schemathesis cannot know by itself: how the signalling types are written."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def plain_text(_context: Any, value: Any) -> bytes:
    """SDP is text; whatever was generated is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
