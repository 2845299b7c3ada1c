"""What attackers send instead of a provider's answer: none of it is ever anybody.

Each is made from an answer that is accepted, which is tried beside it: what is refused is refused for what
was done to it. The wrapping attacks are those that Somorovsky et al. named 1 to 8 ("On Breaking SAML", 2012).
"""

import hmac
import random
import re
from base64 import b64encode
from collections.abc import Callable, Iterator

import msgspec
import pytest

from harka.auth.saml import LONGEST_RESPONSE, Assertions, Peer
from harka.errors import SsoRefusedError
from saml_idp import (
    ACS,
    ENVELOPED,
    EXCLUSIVE,
    KEY,
    OWN,
    PEER,
    PROGRAM,
    RSA_SHA1,
    SAML,
    SAMLP,
    SHA1,
    Key,
    Said,
    Signing,
    around,
    at,
    changed,
    encrypted,
    needs_xmlsec1,
    new_key,
    posted,
    said,
    signature,
    signed,
)

pytestmark = needs_xmlsec1
EVIL = "evil"
STRANGER = new_key()
OVER = new_key(days=-1)
Attack = Callable[[Said], str | bytes]


@pytest.fixture(scope="module")
def assertions() -> Iterator[Assertions]:
    made = Assertions(PROGRAM)
    yield made
    made.close()


async def refusal(assertions: Assertions, document: str | bytes, peer: Peer = PEER) -> str:
    """Why it is nobody."""
    with pytest.raises(SsoRefusedError) as refused:
        await assertions.answer(peer, posted(document), ACS)
    return refused.value.detail


def parts(one: Said) -> tuple[str, str, str]:
    """An honest assertion without its signature, that signature, and another's that nobody signed."""
    plain = one.xml()
    evil = changed(one, name_id=EVIL, id=f"{one.id}x").xml()
    return plain, signature(plain, one.id, Signing(KEY)), evil


def into(element: str, inside: str) -> str:
    """`inside` behind the issuer of `element`."""
    head, end, tail = element.partition("</saml:Issuer>")
    return f"{head}{end}{inside}{tail}"


def in_signature(sign: str, inside: str) -> str:
    return sign.replace("</ds:Signature>", f"{inside}</ds:Signature>")


def wrapped_response(one: Said, *, inside: bool) -> str:
    """XSW 1 and 2: the signed response in the signature, or before it, of one that nobody signed."""
    plain = around(one.xml())
    id_ = plain.partition(' ID="')[2].partition('"')[0]
    sign = signature(plain, id_, Signing(KEY))
    evil = around(changed(one, name_id=EVIL, id=f"{one.id}x").xml())
    return into(evil, in_signature(sign, plain) if inside else plain + sign)


def xsw_3(one: Said) -> str:
    plain, sign, evil = parts(one)
    return around(evil + into(plain, sign))


def xsw_4(one: Said) -> str:
    plain, sign, evil = parts(one)
    return around(evil.replace("</saml:Assertion>", f"{into(plain, sign)}</saml:Assertion>"))


def xsw_5(one: Said) -> str:
    plain, sign, evil = parts(one)
    return around(into(evil, sign) + plain)


def xsw_6(one: Said) -> str:
    plain, sign, evil = parts(one)
    return around(into(evil, in_signature(sign, plain)))


def xsw_7(one: Said) -> str:
    plain, sign, _ = parts(one)
    twin = changed(one, name_id=EVIL).xml()
    return around(f"<samlp:Extensions>{twin}</samlp:Extensions>{into(plain, sign)}")


def xsw_8(one: Said) -> str:
    plain, sign, _ = parts(one)
    twin = changed(one, name_id=EVIL).xml()
    return around(into(twin, in_signature(sign, f"<ds:Object>{plain}</ds:Object>")))


WRAPPED: dict[str, Attack] = {
    "xsw 1": lambda one: wrapped_response(one, inside=True),
    "xsw 2": lambda one: wrapped_response(one, inside=False),
    "xsw 3": xsw_3,
    "xsw 3, the other order": lambda one: around(into(parts(one)[0], parts(one)[1]) + parts(one)[2]),
    "xsw 4": xsw_4,
    "xsw 5": xsw_5,
    "xsw 6": xsw_6,
    "xsw 7": xsw_7,
    "xsw 8": xsw_8,
    "the same ID twice": lambda one: around(
        f'<samlp:Extensions><x ID="{one.id}"></x></samlp:Extensions>{signed(one.xml(), KEY)}'
    ),
    "another kind of ID": lambda one: around(
        f'<samlp:Extensions><x Id="{one.id}"></x></samlp:Extensions>{signed(one.xml(), KEY)}'
    ),
    "xml:id": lambda one: around(
        f'<samlp:Extensions><x xml:id="{one.id}"></x></samlp:Extensions>{signed(one.xml(), KEY)}'
    ),
    "a response in the response": lambda one: around(
        f"<samlp:Extensions>{around(changed(one, name_id=EVIL).xml())}</samlp:Extensions>"
        f"{signed(one.xml(), KEY)}"
    ),
    "one signed, one encrypted": lambda one: around(
        signed(one.xml(), KEY) + encrypted(changed(one, name_id=EVIL).xml(), OWN.certificate)
    ),
}


def hmac_of_certificate(one: Said) -> str:
    """As if our key for verifying were one for signing."""
    method = "http://www.w3.org/2000/09/xmldsig#hmac-sha256"
    honest = signature(one.xml(), one.id, Signing(KEY, method=method))
    info = honest.partition("<ds:SignatureValue>")[0].partition("<ds:SignedInfo>")[2]
    content = f'<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{info}'.encode()
    value = b64encode(hmac.digest(KEY.certificate.encode(), content, "sha256")).decode()
    head, begin, tail = honest.partition("<ds:SignatureValue>")
    return around(into(one.xml(), f"{head}{begin}{value}{tail[tail.index('</ds:SignatureValue>') :]}"))


def beside_the_secret(one: Said, key: Key) -> str:
    """Our public key is anybody's, to encrypt what they like: a signature must be of what is inside."""
    sealed = encrypted(changed(one, name_id=EVIL).xml(), OWN.certificate)
    head = f'<saml:EncryptedAssertion xmlns:saml="{SAML}"'
    assert sealed.startswith(f"{head}>")
    named = sealed.replace(head, f'{head} ID="_x1"', 1)
    end = "</saml:EncryptedAssertion>"
    return named.removesuffix(end) + signature(named, "_x1", Signing(key)) + end


def key_value() -> str:
    numbers = STRANGER.private.public_key().public_numbers()
    modulus = b64encode(numbers.n.to_bytes(256)).decode()  # type: ignore[union-attr]  # it is of RSA
    return (
        f"<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus>"
        "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    )


def own_key(one: Said, shown: str | None) -> str:
    return around(signed(changed(one, name_id=EVIL).xml(), Signing(STRANGER, shown=shown)))


def shape(**how: object) -> Attack:
    return lambda one: around(signed(one.xml(), Signing(KEY, **how)))  # type: ignore[arg-type]  # whatever field


def replaced(before: str, after: str) -> Attack:
    def attack(one: Said) -> str:
        honest = around(signed(one.xml(), KEY))
        assert before in honest
        return honest.replace(before, after)

    return attack


XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
MANIFEST = "<ds:Object><ds:Manifest></ds:Manifest></ds:Object>"
SIGNATURES: dict[str, Attack] = {
    "no signature": lambda one: around(one.xml()),
    "signature stripped": lambda one: around(changed(one, name_id=EVIL).xml()),
    "two signatures": lambda one: around(
        into(into(one.xml(), parts(one)[1]), signature(one.xml(), one.id, Signing(STRANGER)))
    ),
    "signature of another assertion": lambda one: around(into(parts(one)[2], parts(one)[1])),
    "reference to nothing": shape(reference=""),
    "reference elsewhere": shape(reference="#_elsewhere"),
    "reference by xpointer": shape(reference="#xpointer(/)"),
    "reference to a file": shape(reference="file:///etc/hostname"),
    "tampered digest": replaced("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
    "tampered subject": replaced(">subject</saml:NameID>", f">{EVIL}</saml:NameID>"),
    "tampered attribute": replaced("mail@example.com", "owner@example.com"),
    "tampered signature": replaced("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
    "another's key": lambda one: own_key(one, None),
    "another's key, unnamed": lambda one: own_key(one, ""),
    "another's key as a value": lambda one: own_key(one, key_value()),
    "another's key, our provider's certificate": lambda one: own_key(
        one,
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{KEY.shown}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
    ),
    "a key from elsewhere": shape(
        shown='<ds:KeyInfo><ds:RetrievalMethod URI="#x"></ds:RetrievalMethod></ds:KeyInfo>'
    ),
    "hmac of the certificate": hmac_of_certificate,
    "sha-1 signature": shape(method=RSA_SHA1),
    "sha-1 digest": shape(digest=SHA1),
    "md5": shape(method="http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
    "inclusive form": shape(canonical="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    "form with comments": shape(canonical=f"{EXCLUSIVE}WithComments"),
    "no transform": shape(transforms=[]),
    "transform by xslt": shape(transforms=[ENVELOPED, XSLT, EXCLUSIVE]),
    "transform by xpath": shape(transforms=[ENVELOPED, XPATH, EXCLUSIVE]),
    "transform to base64": shape(transforms=[ENVELOPED, "http://www.w3.org/2000/09/xmldsig#base64"]),
    "manifest": lambda one: around(into(one.xml(), in_signature(parts(one)[1], MANIFEST))),
    "two references": lambda one: around(
        into(
            one.xml(),
            parts(one)[1].replace("</ds:SignedInfo>", '<ds:Reference URI=""></ds:Reference></ds:SignedInfo>'),
        )
    ),
    "signature elsewhere": lambda one: around(one.xml() + parts(one)[1]),
    "response's signature tampered, assertion's not": lambda one: signed(
        around(signed(one.xml(), KEY)), Signing(STRANGER)
    ),
    "encrypted, not signed": lambda one: around(encrypted(one.xml(), OWN.certificate)),
    "encrypted, anybody's signature beside it": lambda one: around(beside_the_secret(one, STRANGER)),
    "encrypted, the provider's signature beside it": lambda one: around(beside_the_secret(one, KEY)),
    "encrypted, signed by another": lambda one: around(
        encrypted(signed(one.xml(), STRANGER), OWN.certificate)
    ),
    "encrypted for another": lambda one: around(encrypted(signed(one.xml(), KEY), STRANGER.certificate)),
    "encrypted by pkcs 1": lambda one: around(
        encrypted(
            signed(one.xml(), KEY), OWN.certificate, transport="http://www.w3.org/2001/04/xmlenc#rsa-1_5"
        )
    ),
    "encrypted by triple des": lambda one: around(
        encrypted(
            signed(one.xml(), KEY), OWN.certificate, method="http://www.w3.org/2001/04/xmlenc#tripledes-cbc"
        )
    ),
    "encrypted twice": lambda one: around(
        encrypted(encrypted(signed(one.xml(), KEY), OWN.certificate), OWN.certificate)
    ),
    "encrypted with a second one inside": lambda one: around(
        encrypted(
            xsw_4(one).partition("</samlp:Status>")[2].removesuffix("</samlp:Response>"), OWN.certificate
        )
    ),
    "encrypted beside a reference": lambda one: around(
        encrypted(signed(one.xml(), KEY), OWN.certificate).replace(
            "<xenc:CipherValue>",
            '<xenc:CipherReference URI="file:///etc/hostname"></xenc:CipherReference><xenc:CipherValue>',
        )
    ),
}

DOCTYPE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;">]>'
)


def honest(one: Said) -> str:
    return around(signed(one.xml(), KEY))


XML: dict[str, Attack] = {
    "an external entity": lambda one: DOCTYPE + honest(one).replace(">subject<", ">&x;<"),
    "an entity bomb": lambda one: BOMB + honest(one).replace(">subject<", ">&x;<"),
    "a doctype alone": lambda one: "<!DOCTYPE r>" + honest(one),
    "in utf-16": lambda one: (DOCTYPE + honest(one)).encode("utf-16"),
    "says that it is utf-7": lambda one: '<?xml version="1.0" encoding="utf-7"?>' + honest(one),
    "says that it is latin": lambda one: '<?xml version="1.0" encoding="iso-8859-1"?>' + honest(one),
    "a broken byte": lambda one: honest(one).encode().replace(b">subject<", b">\xff<"),
    "an instruction in the name": replaced(">subject<", "><?x y?>subject<"),
    "a style sheet": lambda one: '<?xml-stylesheet href="x"?>' + honest(one),
    "too deep": lambda one: around("<x>" * 60 + "</x>" * 60 + signed(one.xml(), KEY)),
    "too many": lambda one: around("<x></x>" * 6000 + signed(one.xml(), KEY)),
    "a long name": lambda one: around(f'<x xmlns="{"x" * 600}"></x>' + signed(one.xml(), KEY)),
    "too long": lambda one: honest(one) + " " * LONGEST_RESPONSE,
    "nothing": lambda _: "",
    "no xml": lambda _: "SAML",
    "cut off": lambda one: honest(one)[:-5],
    "something behind it": lambda one: honest(one) + "<x></x>",
}
CASES = WRAPPED | SIGNATURES | XML


@pytest.mark.parametrize("attack", CASES)
async def test_what_was_forged_is_nobody(assertions: Assertions, attack: str) -> None:
    one = said(attributes={"mail": ["mail@example.com"]})
    assert (await assertions.answer(PEER, posted(honest(one)), ACS)).identity.subject == "subject"
    assert await refusal(assertions, CASES[attack](one))


CONFIRMED = 'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"'
WRONG: dict[str, tuple[str, Attack]] = {
    "audience": ("audience", lambda one: honest(changed(one, audience="urn:somebody:else"))),
    "recipient": ("recipient", lambda one: honest(changed(one, recipient=f"{ACS}x"))),
    "destination": ("sent elsewhere", lambda one: around(signed(one.xml(), KEY), destination=f"{ACS}x")),
    "no destination in what is signed": (
        "sent elsewhere",
        lambda one: signed(around(one.xml(), destination=None), KEY),
    ),
    "issuer": ("another issuer", lambda one: honest(changed(one, issuer="https://evil.example"))),
    "issuer of the response": (
        "another issuer",
        lambda one: around(signed(one.xml(), KEY), issuer="https://evil.example"),
    ),
    "over": ("over", lambda one: honest(changed(one, not_after=at(-61)))),
    "confirmation over": ("over", lambda one: honest(changed(one, confirmed_until=at(-61)))),
    "no end of confirmation": ("over", lambda one: honest(changed(one, confirmed_until=None))),
    "not yet": ("not hold yet", lambda one: honest(changed(one, not_before=at(65)))),
    "old, whatever it says": ("not of now", lambda one: honest(changed(one, issued=at(-361)))),
    "of tomorrow": ("not of now", lambda one: honest(changed(one, issued=at(65)))),
    "no time": ("no time", lambda one: honest(changed(one, issued="soon"))),
    "unknown condition": (
        "condition",
        lambda one: honest(changed(one, condition="<saml:Condition></saml:Condition>")),
    ),
    "two audiences": (
        "audience",
        lambda one: honest(
            changed(
                one,
                condition="<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>",
            )
        ),
    ),
    "unsolicited": ("Nobody asked", lambda one: around(_for(None, one), in_response_to=None)),
    "unsolicited, the response says otherwise": ("which request", lambda one: around(_for(None, one))),
    "two requests": (
        "different requests",
        lambda one: around(signed(one.xml(), KEY), in_response_to="_other"),
    ),
    "refused there": (
        "refuses: Responder",
        lambda one: around(signed(one.xml(), KEY), status="urn:oasis:names:tc:SAML:2.0:status:Responder"),
    ),
    "nobody": ("who it is about", lambda one: honest(changed(one, name_id=""))),
    "an element as a name": ("more than text", lambda one: honest(changed(one, name_id="a<b></b>c"))),
    "too long a name": ("who it is about", lambda one: honest(changed(one, name_id="x" * 256))),
    "a passing name": (
        "transient",
        lambda one: honest(changed(one, format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient")),
    ),
    "no bearer": ("bearer", lambda one: around(signed(_without(one, CONFIRMED, 'Method="x"'), KEY))),
    "nobody signed in": (
        "signed in",
        lambda one: around(signed(_without(one, "saml:AuthnStatement", "saml:Other"), KEY)),
    ),
    "no conditions": (
        "Conditions",
        lambda one: around(signed(_without(one, "saml:Conditions", "saml:Other"), KEY)),
    ),
    "version": ("SAML 2.0", lambda one: around(signed(_without(one, 'Version="2.0"', 'Version="1.1"'), KEY))),
}


def _for(request: str | None, one: Said) -> str:
    return signed(changed(one, in_response_to=request).xml(), KEY)


def _without(one: Said, before: str, after: str) -> str:
    return one.xml().replace(before, after)


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_was_signed_for_another_use_is_nobody(assertions: Assertions, wrong: str) -> None:
    why, attack = WRONG[wrong]
    one = said()
    assert (await assertions.answer(PEER, posted(honest(one)), ACS)).identity.subject == "subject"
    assert why in await refusal(assertions, attack(one))


@pytest.mark.parametrize(
    "skewed", [{"not_after": -55}, {"not_before": 55}, {"confirmed_until": -55}, {"issued": 55}]
)
async def test_clocks_may_differ_by_a_minute(assertions: Assertions, skewed: dict[str, float]) -> None:
    one = changed(said(), **{name: at(seconds) for name, seconds in skewed.items()})
    assert (await assertions.answer(PEER, posted(honest(one)), ACS)).identity.subject == "subject"


@pytest.mark.parametrize(
    "name", ["owner@corp.example<!-- -->.evil.example", "<!-- -->owner@corp.example.evil<!--x-->.example"]
)
@pytest.mark.parametrize("when", ["signed", "afterwards"])
async def test_a_comment_cuts_no_name_short(assertions: Assertions, name: str, when: str) -> None:
    whole = "owner@corp.example.evil.example"
    if when == "signed":
        document = honest(said(name_id=name))
    else:
        document = honest(said(name_id=whole)).replace(f">{whole}<", f">{name}<")
    told = await assertions.answer(PEER, posted(document), ACS)
    assert told.identity.subject == whole


async def test_an_attribute_is_whole_too(assertions: Assertions) -> None:
    one = said(attributes={"mail": ["owner@corp.example<!-- -->.evil.example"], "x": ["<y></y>"]})
    told = await assertions.answer(PEER, posted(honest(one)), ACS)
    assert told.identity.email == "owner@corp.example.evil.example"


async def test_a_certificate_that_has_ended_signs_nothing(assertions: Assertions) -> None:
    document = around(signed(said().xml(), OVER))
    for certificates, why in (
        (OVER.certificate, "expired"),
        (OVER.certificate + KEY.certificate, "not by a"),
    ):
        peer = msgspec.structs.replace(PEER, certificates=certificates)
        assert why in await refusal(assertions, document, peer)
    again = msgspec.structs.replace(PEER, certificates=OVER.certificate + KEY.certificate)
    assert await assertions.answer(again, posted(honest(said())), ACS)


async def test_another_connections_answer_is_nobody(assertions: Assertions) -> None:
    """Of the same provider, and of one that has the same name and another key."""
    document = honest(said())
    other = msgspec.structs.replace(PEER, entity_id="urn:harka:other:2")
    assert "audience" in await refusal(assertions, document, other)
    stranger = msgspec.structs.replace(PEER, certificates=STRANGER.certificate)
    assert "not by a certificate" in await refusal(assertions, document, stranger)
    with pytest.raises(SsoRefusedError):
        await assertions.answer(PEER, posted(document), ACS.replace("/x/", "/y/"))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_moved_or_put_in_means_nobody_else(assertions: Assertions, seed: int) -> None:
    """Elements of honest answers, and of one that nobody signed, cut out, doubled and put elsewhere."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    one = said(attributes={"mail": ["mail@example.com"]})
    evil = changed(one, name_id=EVIL, id=f"{one.id}x").xml()
    parts_of_it = [*re.findall(r"<[^<>]+>", honest(one)), evil, f"<!--{evil}-->", f"<![CDATA[{evil}]]>", EVIL]
    for _ in range(25):
        pieces = re.split(r"(?<=>)|(?=<)", honest(one))
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(pieces))
            end = place + chance.randint(0, 6)
            match chance.randrange(4):
                case 0:
                    pieces[place:end] = []
                case 1:
                    pieces[end:end] = pieces[place:end]
                case 2:
                    pieces[place:place] = [chance.choice(parts_of_it)]
                case _:
                    pieces[place] = pieces[place].replace("subject", EVIL)
        try:
            told = await assertions.answer(PEER, posted("".join(pieces)), ACS)
        except SsoRefusedError:
            continue
        assert (told.identity.subject, told.identity.email) == ("subject", "mail@example.com")


def test_the_list_is_whole() -> None:
    assert SAML in around("")
    assert SAMLP in around("")
    assert {f"xsw {number}" for number in range(1, 9)} <= set(CASES)
