"""By the test vector of the standard's own libraries, and as the documentation tells receivers to verify."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import node
from harka import clock
from harka.crypto.envelope import BrokenSealError
from harka.learning import webhook_signature

SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_signed_as_the_standard_says() -> None:
    assert webhook_signature.headers([SECRET], ID, SENT_AT, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_two_secrets_sign_side_by_side() -> None:
    signed = webhook_signature.headers([b"another", SECRET], ID, SENT_AT, BODY)["webhook-signature"]
    first, second = signed.split(" ")
    assert second == SIGNATURE
    assert first.startswith("v1,")
    assert first != second


def test_a_secret_opens_for_its_endpoint_alone() -> None:
    key, tenant, endpoint, secret = bytes(32), uuid4(), uuid4(), webhook_signature.new_secret()
    assert base64.b64decode(webhook_signature.text_of(secret).removeprefix("whsec_")) == secret
    sealed = webhook_signature.seal(key, secret, tenant=tenant, endpoint=endpoint)
    assert secret not in sealed
    assert webhook_signature.open_secret(key, sealed, tenant=tenant, endpoint=endpoint) == secret
    for where in ({"tenant": tenant, "endpoint": uuid4()}, {"tenant": uuid4(), "endpoint": endpoint}):
        with pytest.raises(BrokenSealError):
            webhook_signature.open_secret(key, sealed, **where)


DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def snippet(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENTATION, re.DOTALL)
    return str(found)


def cases() -> list[tuple[bool, dict[str, str], bytes]]:
    """What a receiver gets, and whether it is to believe it."""
    now = clock.now()
    good = dict(webhook_signature.headers([b"another", SECRET], ID, now, BODY))
    old = dict(webhook_signature.headers([SECRET], ID, SENT_AT, BODY))
    foreign = dict(webhook_signature.headers([b"another"], ID, now, BODY))
    return [(True, good, BODY), (False, good, BODY + b" "), (False, old, BODY), (False, foreign, BODY)]


def test_the_documentations_receiver_in_python_believes_what_is_true() -> None:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)  # noqa: S102 - our own text
    text = webhook_signature.text_of(SECRET)
    for believed, headers, body in cases():
        assert names["verify"](text, headers, body) is believed


def test_the_documentations_receiver_in_typescript_believes_what_is_true(tmp_path: Path) -> None:
    if (lacking := node.absence()) is not None:
        assert not node.is_required(), lacking
        return
    # what Node of today runs: the same without types
    plain = re.sub(r": (string|boolean|Record<string, string>)(?=[,)\s])", "", snippet("ts"))
    asked = [[headers, body.decode()] for _, headers, body in cases()]
    secret = webhook_signature.text_of(SECRET)
    (tmp_path / "receiver.mjs").write_text(
        f"{plain}\nfor (const [headers, body] of {json.dumps(asked)}) "
        f"console.log(verify({json.dumps(secret)}, headers, body));"
    )
    said = node.run(tmp_path, "node", "receiver.mjs").split()
    assert said == [str(believed).lower() for believed, _, _ in cases()]
