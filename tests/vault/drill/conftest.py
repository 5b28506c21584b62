"""Fixtures of the room's tests."""

from tests.vault.media.fixtures import any_work, quick_child, work

__all__ = ["any_work", "quick_child", "work"]
