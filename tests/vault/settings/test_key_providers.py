"""Sections for holders of epoch keys that are not a file."""

import pytest
from pydantic import ValidationError

from vault.settings import Pkcs11Settings, Settings


@pytest.mark.parametrize("label", ["", "a/b", "a b", "x" * 65, "é"])
def test_a_label_that_tokens_could_take_amiss_is_refused(label: str) -> None:
    """It becomes part of the names of keys."""
    with pytest.raises(ValidationError):
        Pkcs11Settings(label=label)


@pytest.mark.parametrize(
    ("provider", "keys", "days"),
    [
        ("file", {}, 9),
        ("openbao", {}, 9),
        ("awskms", {}, 9 + 7),
        ("awskms", {"epoch_days": 0}, 7),
        ("file", {"epoch_days": 0, "backup_days": 3}, 3),
    ],
)
def test_a_receipts_date_counts_the_days_in_which_a_deletion_can_be_cancelled(
    provider: str, keys: dict[str, int], days: int
) -> None:
    """An epoch of seven days, one of grace, one to carry it out; and at AWS the window of its keys."""
    settings = Settings.model_validate({"keys": {"provider": provider, **keys}})
    assert settings.irrecoverable_days == days


def test_the_date_holds_for_every_holder_of_keys() -> None:
    """The longest window of a tenants' key service counts: receipts promise one date."""
    holder = {"name": "acme", "provider": "awskms", "awskms": {"region": "eu-west-3", "window_days": 10}}
    settings = Settings.model_validate({"keys": {"holders": [holder]}})
    assert settings.irrecoverable_days == 9 + 10


@pytest.mark.parametrize("names", [("acme", "acme"), ("default",), ("Acme",), ("",), ("a" * 40,)])
def test_each_holder_has_a_name_of_its_own(names: tuple[str, ...]) -> None:
    """It stands in the key store, in metrics and in readiness."""
    holders = [{"name": name, "provider": "file"} for name in names]
    with pytest.raises(ValidationError):
        Settings.model_validate({"keys": {"holders": holders}})
