from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.enrollment import by_asked
from harka.graph.loaders.loader import Loader
from harka.learning import certificate
from harka.repositories.certificate import Certificate
from harka.repositories.certificate_list import CertificateFilter
from harka.repositories.page import Order

FirstMatchingOf = tuple[UUID, tuple[int, Order, CertificateFilter]]
"""A person, and which of their certificates are wanted."""


class CertificateByIdLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.find_many(self.work, keys)).aligned(keys)


class CertificateByEnrollmentLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.by_enrollment(self.work, keys)).aligned(keys)


class CertificateByPathEnrollmentLoader(Loader[UUID, Certificate | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Certificate | None]:
        return (await certificate.by_path_enrollment(self.work, keys)).aligned(keys)


class CertificatesByUserLoader(Loader[FirstMatchingOf, Sequence[Certificate]]):
    async def fetch(self, keys: list[FirstMatchingOf]) -> Sequence[Sequence[Certificate]]:
        found = {
            (first, order, only): await certificate.pages_by_user(
                self.work, users, only, first=first, order=order
            )
            for (first, order, only), users in by_asked(keys).items()
        }
        return [found[asked].get(user, []) for user, asked in keys]


class CertificateCountByUserLoader(Loader[tuple[UUID, CertificateFilter], int]):
    async def fetch(self, keys: list[tuple[UUID, CertificateFilter]]) -> list[int]:
        found = {
            only: await certificate.count_by_user(self.work, users, only)
            for only, users in by_asked(keys).items()
        }
        return [found[only].get(user, 0) for user, only in keys]
