from uuid import UUID

import msgspec


class Scope(msgspec.Struct, frozen=True):
    """Which rows of a tenant a reader sees: all, or those that concern `user` (None: nobody)."""

    everything: bool
    user: UUID | None = None
