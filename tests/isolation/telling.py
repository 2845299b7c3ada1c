"""What has happened in a world, once its readers are shown it."""

from uuid import UUID

from harka.learning import event
from harka.learning.work import unit_of_work
from harka.repositories.event import EventType
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context


async def told(runtime: Runtime, organization: Organization) -> tuple[UUID, set[UUID]]:
    """An event about somebody, and all there are: tests beside this one may have transactions under way."""
    while True:
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(organization),
            read_only=True,
            timeout=30,
        ) as work:
            found = await event.list_page(work, after=None, first=100)
        about = [each.id for each in found if each.type == EventType.USER_CREATED]
        if about:
            return about[0], {each.id for each in found}
