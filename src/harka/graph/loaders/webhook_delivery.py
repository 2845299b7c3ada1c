from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import webhook_delivery
from harka.repositories.webhook_delivery import WebhookDelivery


class WebhookDeliveryByIdLoader(Loader[UUID, WebhookDelivery | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[WebhookDelivery | None]:
        return (await webhook_delivery.find_many(self.work, keys)).aligned(keys)
