"""A new key to sign an organization's tokens with, while those of the one before are accepted still."""

import itertools
from datetime import datetime
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.token import MAX_LIFETIME
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.repositories import signing_key as signing_keys
from harka.repositories.signing_key import KNOWN_AFTER, SigningKey
from harka.storage.catalog import Catalog
from harka.tenancy import signing_key


class Rotation(msgspec.Struct, frozen=True):
    """`made`: the kid that signs once everybody knows it (`KNOWN_AFTER`), at once where there is no other.

    `retired`: kids whose tokens are not accepted any more.
    """

    made: str
    retired: list[str]


async def rotate(
    catalog: Catalog,
    keyring: Keyring,
    tenant: UUID,
    *,
    algorithm: Algorithm = Algorithm.EDDSA,
    leaked: bool = False,
) -> Rotation:
    """Make a key, and retire those that have signed nothing for as long as a token lives.

    `leaked`: retire all others at once, and with them every token there is; the new one signs at once, and
    whoever kept our keys refuses its tokens until they look again.
    """
    live = await signing_keys.list_live(catalog, [tenant])
    made = signing_key.make(keyring, tenant, algorithm)
    await signing_keys.insert(catalog, made)
    over = live if leaked else spent(live, clock.now())
    for key in over:
        await signing_keys.retire(catalog, tenant, key.kid)
    return Rotation(made.kid, [key.kid for key in over])


def spent(live: list[SigningKey], now: datetime) -> list[SigningKey]:
    """Those in whose place another has signed for as long as a token lives."""
    ordered = sorted(live, key=lambda key: key.created_at)
    over = now - MAX_LIFETIME - KNOWN_AFTER
    return [key for key, following in itertools.pairwise(ordered) if following.created_at < over]
