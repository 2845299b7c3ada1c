import pytest

from harka.crypto.envelope import BrokenSealError
from harka.ids import new_id
from harka.queue import sealing

KEY = bytes(range(32))


def test_a_payload_opens_as_its_own_jobs_only() -> None:
    tenant, job, payload = new_id(), new_id(), {"email": "ada@example.com", "n": 1}
    box = sealing.seal(KEY, payload, tenant=tenant, job=job)

    assert b"ada" not in box
    assert sealing.open_payload(KEY, box, tenant=tenant, job=job) == payload
    for wrong in ((KEY, new_id(), job), (KEY, tenant, new_id()), (bytes(32), tenant, job)):
        with pytest.raises(BrokenSealError):
            sealing.open_payload(wrong[0], box, tenant=wrong[1], job=wrong[2])
