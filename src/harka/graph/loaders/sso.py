from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import sso
from harka.repositories.sso import SsoConnection
from harka.repositories.sso_attempt import SsoAttempt


class SsoConnectionByIdLoader(Loader[UUID, SsoConnection | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[SsoConnection | None]:
        return (await sso.find_many(self.work, keys)).aligned(keys)


class SsoAttemptByIdLoader(Loader[UUID, SsoAttempt | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[SsoAttempt | None]:
        return (await sso.find_attempts(self.work, keys)).aligned(keys)
