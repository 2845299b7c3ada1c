"""What a receiver was told is judged: each fault is found."""

import base64
import hashlib
import hmac

import pytest
from chaos_webhooks import Receiver, judge

from harka.codec import json_bytes

HAPPENED = {"e1": "u1", "e2": "u2"}
TOLD = {"e1": {"u1"}, "e2": {"u2"}}


@pytest.mark.parametrize(
    ("told", "people", "forged", "faults"),
    [
        (TOLD, {"u1", "u2"}, 0, 0),
        ({"e1": {"u1"}}, {"u1"}, 0, 1),
        (TOLD | {"e3": {"u3"}}, set(), 0, 2),
        (TOLD, {"u9"}, 0, 1),
        (TOLD | {"e1": {"u1", "u2"}}, set(), 0, 1),
        (TOLD, set(), 3, 1),
    ],
    ids=["all is well", "lost", "invented", "unknown", "another", "forged"],
)
def test_each_fault_is_found(told: dict[str, set[str]], people: set[str], forged: int, faults: int) -> None:
    assert len(judge(Receiver(subjects=told, forged=forged), HAPPENED, people)) == faults


def test_what_is_signed_is_taken_and_what_is_forged_is_not() -> None:
    receiver = Receiver(secret=bytes(24), refused={"e1"})
    body = json_bytes({"data": {"event": {"subjectId": "u1"}}})
    mark = base64.b64encode(hmac.digest(bytes(24), b"e1.7." + body, hashlib.sha256)).decode()
    headers = {"webhook-id": "e1", "webhook-timestamp": "7", "webhook-signature": f"v1,{mark}"}
    assert receiver._take(headers, body)
    assert not receiver._take(headers | {"webhook-timestamp": "8"}, body)
    assert (receiver.taken, receiver.forged, receiver.subjects) == (1, 1, {"e1": {"u1"}})
