"""Enums of changes to very many and of bulk operations, described for clients."""

from harka.graph.enums import _describe as describe
from harka.repositories.bulk_change import BulkKind, BulkState
from harka.repositories.bulk_operation import BulkOperationState

__all__ = ["BulkKind", "BulkOperationState", "BulkState"]

describe(
    BulkKind,
    "What a job does with very many people.",
    enroll="They are enrolled in a course.",
    users="They are made and changed.",
)

describe(
    BulkState,
    "What has become of a change of very many.",
    queued="Its job waits to be begun, for the first time or again.",
    running="It is being made.",
    done="Every entry is dealt with: done, or failed.",
    rejected="Somebody failed, and so nothing was done, as was asked.",
    failed="It was given up: `error` tells why. Parts that were done stay so.",
    cancelled="Its job was cancelled. Parts that were done stay so.",
)

describe(
    BulkOperationState,
    "What has become of a bulk operation.",
    queued="Its job waits to be begun, for the first time or again.",
    running="It is being run.",
    done="Its file can be downloaded.",
    failed="It was given up: `errorCode` and `error` tell why. There is no file.",
    cancelled="It was cancelled. There is no file.",
)
