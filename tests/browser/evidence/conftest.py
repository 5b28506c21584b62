"""The fixtures of the visitor's page serve here as well: one Chromium, one real vault."""

from tests.browser.portal.conftest import chromium, house, open_page

__all__ = ["chromium", "house", "open_page"]
