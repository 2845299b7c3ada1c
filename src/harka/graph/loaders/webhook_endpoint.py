from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import webhook_endpoint
from harka.repositories.webhook_endpoint import WebhookEndpoint


class WebhookEndpointByIdLoader(Loader[UUID, WebhookEndpoint | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[WebhookEndpoint | None]:
        return (await webhook_endpoint.find_many(self.work, keys)).aligned(keys)
