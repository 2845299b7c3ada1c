from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import branding
from harka.learning.branding import Look
from harka.repositories.branding import Branding


class BrandingByIdLoader(Loader[UUID, Branding | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Branding | None]:
        return (await branding.find_many(self.work, keys)).aligned(keys)


class LookByOrganizationLoader(Loader[UUID, Look]):
    """Of the caller's own organization; there is no other."""

    async def fetch(self, keys: list[UUID]) -> list[Look]:
        shown = await branding.look(self.work)
        return [shown for _ in keys]
