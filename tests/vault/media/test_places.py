"""Where sealed bytes lie, and what each is bound to: no two places, no two bindings are alike."""

import itertools
import re

from storage.store import ObjectKey
from vault.media.places import (
    media_prefix,
    part_associated,
    part_key,
    spool_associated,
    spool_key,
    spool_prefix,
)
from vault.model import Part, new_id

TENANTS, MEDIA, LEGS = ([new_id(prefix) for _ in range(2)] for prefix in ("ten", "rec", "leg"))


def test_every_place_has_its_own_key_and_binding() -> None:
    """Tenant, recording, leg, generation, part and number all count."""
    keys: list[str] = []
    bound: list[bytes] = []
    for tenant, media in itertools.product(TENANTS, MEDIA):
        for gen, part in itertools.product((1, 2), Part):
            keys.append(part_key(tenant_id=tenant, media_id=media, gen=gen, part=part))
            bound.append(part_associated(tenant_id=tenant, media_id=media, gen=gen, part=part))
        for number in (0, 1, 10):
            keys.append(spool_key(tenant_id=tenant, media_id=media, number=number))
            bound += [
                spool_associated(tenant_id=tenant, media_id=media, leg_id=leg, number=number) for leg in LEGS
            ]
    assert len(set(keys)) == len(keys)
    assert len(set(bound)) == len(bound)


def test_keys_are_made_of_random_identifiers_only() -> None:
    """A listing of the bucket tells nothing about anyone; every key is one the stores accept."""
    tenant, media = TENANTS[0], MEDIA[0]
    keys = [
        part_key(tenant_id=tenant, media_id=media, gen=1, part=Part.MEDIA),
        spool_key(tenant_id=tenant, media_id=media, number=7),
    ]
    for key in keys:
        assert ObjectKey(key) == key
        assert re.fullmatch(r"(media|spool)/[0-9a-f-]{36}/[0-9a-f-]{36}/(1/media|00000007)", key)


def test_one_recordings_folder_is_not_the_start_of_anothers() -> None:
    """Erasing by folder reaches what is inside and nothing beside it; numbers sort as they count."""
    for name in (media_prefix, spool_prefix):
        folders = [name(tenant_id=tenant, media_id=media) for tenant in TENANTS for media in MEDIA]
        assert not [(a, b) for a, b in itertools.permutations(folders, 2) if a.startswith(b)]
        assert all(folder.endswith("/") for folder in folders)
    keys = [spool_key(tenant_id=TENANTS[0], media_id=MEDIA[0], number=n) for n in (0, 9, 10, 99, 100, 14_400)]
    assert sorted(keys) == keys
