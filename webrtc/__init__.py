"""A peer connection to encoded frames and media fragments."""
