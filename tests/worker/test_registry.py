import msgspec
import pytest

from harka.ids import new_id
from harka.queue import message
from harka.worker.registry import HANDLERS


def test_every_kind_of_job_has_its_handler() -> None:
    types = {
        message.DELIVER_WEBHOOKS,
        message.BULK_ENROLL,
        message.BULK_OPERATION,
        message.BULK_USERS,
        message.MEASURE_USAGE,
        message.RECHECK_DOMAINS,
        message.RESET_PASSWORD,
        message.RETRY_WEBHOOKS,
        message.SEND_MAIL,
        message.RECOUNT_COURSE,
        message.RECOUNT_PATH,
        message.UNLOCK_PATHS,
    }

    assert set(HANDLERS) == types


def test_payloads_are_checked() -> None:
    payload = HANDLERS[message.RECOUNT_COURSE].payload
    course = new_id()

    assert msgspec.to_builtins(msgspec.convert({"course_id": str(course)}, payload)) == {
        "course_id": str(course)
    }
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({}, payload)
