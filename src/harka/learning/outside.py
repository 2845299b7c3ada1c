"""What rules reach beyond the organization's own rows."""

from collections import Counter

import msgspec

from harka.storage.catalog import Catalog
from harka.tenancy.dns import Dns
from harka.tenancy.plan import Resource


class Outside(msgspec.Struct, frozen=True):
    """`private_addresses`: whether tenants may name addresses that are not of the public internet.

    `catalog`: what the platform knows of its tenants. `dns`: what the world says of a domain. `refused`:
    `tenancy.quota.Admission.refused`, where what is beyond a limit is counted.

    The catalog may be another database than the tenant's home, so what is written there is not in the unit's
    transaction: each statement stands by itself. A rule sends one, as its last act, that may be repeated.
    """

    catalog: Catalog
    dns: Dns
    platform_domain: str
    private_addresses: bool = False
    refused: Counter[tuple[Resource, bool]] = msgspec.field(default_factory=Counter)
