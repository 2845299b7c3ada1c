"""Enums of webhooks, described for clients."""

from harka.graph.enums import _describe as describe
from harka.repositories.webhook_delivery import WebhookDeliveryState
from harka.repositories.webhook_endpoint import WebhookPauseReason

__all__ = ["WebhookDeliveryState", "WebhookPauseReason"]

describe(
    WebhookDeliveryState,
    "What has become of something that an endpoint was to be told.",
    pending="To be sent, for the first time or again.",
    delivered="The receiver has answered that it has it.",
    dead="Given up: it was tried for three days. `retryWebhookDelivery` has it tried again.",
)

describe(
    WebhookPauseReason,
    "Why nothing is sent to an endpoint. What happens meanwhile is sent when it is paused no more.",
    asked="Somebody paused it.",
    failing="The receiver has not taken anything for three days.",
    gone="The receiver has answered 410: it wants nothing any more.",
    not_allowed="For whom it acts may not read events any more or is gone.",
    document_invalid="Its document does not fit the schema any more.",
)
