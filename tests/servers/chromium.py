"""How Debian's Chromium is started in tests: headless, silent on the network, with a modest camera."""

from typing import Final

ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Ten pictures a second, not twenty: three pages of a call encode and paint on two cores beside the server.
CAMERA: Final = "--use-fake-device-for-media-stream=fps=10"
AUTOPLAY: Final = "--autoplay-policy=no-user-gesture-required"
