"""Fixtures of the room's tests."""

from tests.vault.keyservice.conftest import bao, moto_kms
from tests.vault.media.fixtures import any_work, quick_child, work

__all__ = ["any_work", "bao", "moto_kms", "quick_child", "work"]
