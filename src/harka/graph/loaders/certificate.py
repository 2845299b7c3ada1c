from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import FirstOf, by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import certificate
from harka.repositories.certificate import Certificate


class CertificateByIdLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.find_many(self.work, keys)).aligned(keys)


class CertificateByEnrollmentLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.by_enrollment(self.work, keys)).aligned(keys)


class CertificateByPathEnrollmentLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.by_path_enrollment(self.work, keys)).aligned(keys)


class CertificatesByUserLoader(Loader[FirstOf, Sequence[Certificate]]):
    async def fetch(self, keys: list[FirstOf]) -> Sequence[Sequence[Certificate]]:
        found = {
            first: await certificate.pages_by_user(self.work, users, first=first)
            for first, users in by_asked(keys).items()
        }
        return [found[first].get(user, []) for user, first in keys]


class CertificateCountByUserLoader(Loader[UUID, int]):
    async def fetch(self, keys: list[UUID]) -> list[int]:
        found = await certificate.count_by_user(self.work, keys)
        return [found.get(key, 0) for key in keys]
