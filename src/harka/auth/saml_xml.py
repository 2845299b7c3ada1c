"""XML of strangers, read strictly: what could make parsers disagree, or a small text large, is not read.

Only UTF-8, no DOCTYPE and so no entity, no processing instruction, and bounds on everything. What a signature
may look like is listed, and every ID is there once: no second element is taken for the one that was signed.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET  # it has no DOCTYPE to read: that is refused before

import msgspec

Element = ET.Element
PROTOCOL: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"
ASSERTION: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}"
ENCRYPTION: Final = "{http://www.w3.org/2001/04/xmlenc#}"

LARGEST: Final = 262_144
_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 5000
_MOST_ATTRIBUTES: Final = 40
_LONGEST_NAME: Final = 500
"""Of a tag or attribute, its namespace included: each element may have to repeat it when it is signed."""
_DECLARATION: Final = re.compile(rb"<\?xml\s[^<>]*?\?>\s*")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)[\"']")
_ENCODINGS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii"})
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
_MARK: Final = b"\xef\xbb\xbf"

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
METHODS: Final = {
    f"{_MORE}{key}-{digest}": (key, digest)
    for key in ("rsa", "ecdsa")
    for digest in ("sha256", "sha384", "sha512")
}


class RefusedXmlError(Exception):
    """It says what is wrong, for an admin."""


class Document(msgspec.Struct, frozen=True):
    """`content`: as every other reader is to see it."""

    content: bytes
    root: Element


class Signed(msgspec.Struct, frozen=True):
    """A signature that has the only form we know, and what it says of itself; nothing of it is verified.

    `tag`: of the element that it is in and signs, whose ID is `id`.
    """

    tag: str
    id: str
    key: str
    hash: str
    digest_hash: str
    digest: bytes
    value: bytes


class _Bounded(ET.TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str], /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS or len(attributes) > _MOST_ATTRIBUTES:
            raise RefusedXmlError("It has too many elements, or too deep.")
        if max(map(len, (tag, *attributes))) > _LONGEST_NAME:
            raise RefusedXmlError("It has too long a name.")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)

    def pi(self, _target: str, _text: str | None = None, /) -> Element:
        raise RefusedXmlError("It has a processing instruction.")

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise RefusedXmlError("It has a DOCTYPE.")


def read(content: bytes) -> Document:
    """Raise `RefusedXmlError`."""
    if len(content) > LARGEST:
        raise RefusedXmlError("It is too long.")
    plain = content.removeprefix(_MARK).strip()
    declared = _DECLARATION.match(plain)
    if declared is not None:
        encoding = _ENCODING.search(declared[0])
        if encoding is not None and encoding[1].lower() not in _ENCODINGS:
            raise RefusedXmlError("It is not in UTF-8.")
        plain = plain[declared.end() :]
    # before any parser: in UTF-8 they cannot be written in another way
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise RefusedXmlError("It has a DOCTYPE.")
    try:
        plain.decode("utf-8")
        parser = ET.XMLParser(target=_Bounded(), encoding="utf-8")  # noqa: S314 - see above
        parser.feed(plain)
        root: Element = parser.close()
    except (UnicodeDecodeError, ET.ParseError, ValueError) as error:
        raise RefusedXmlError(f"It is no XML: {error}"[:200]) from None
    return Document(plain, root)


def base64_of(text: str | None) -> bytes:
    """Raise `RefusedXmlError`."""
    try:
        return b64decode("".join((text or "").split()).encode("ascii"), validate=True)
    except ValueError:
        raise RefusedXmlError("Something in it is no base64.") from None


def text_of(element: Element | None) -> str:
    """The whole of it, comments left out wherever they stand; empty for None. Raise for more than text."""
    if element is None:
        return ""
    if len(element):
        raise RefusedXmlError(f"{_local(element.tag)} holds more than text.")
    return (element.text or "").strip()


def only(parent: Element, tag: str) -> Element:
    """The one child of this name. Raise `RefusedXmlError` for none, and for several."""
    found = parent.findall(tag)
    if len(found) != 1:
        raise RefusedXmlError(f"It has {len(found)} times {_local(tag)} where there must be one.")
    return found[0]


def require_unique_ids(root: Element) -> None:
    """Whatever a reader takes for an ID. Raise `RefusedXmlError`."""
    seen: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.rpartition("}")[2].lower() != "id":
                continue
            if not _ID.fullmatch(value) or value in seen:
                raise RefusedXmlError("It has an ID twice, or one that is none.")
            seen.add(value)


def signature_of(parent: Element) -> Signed | None:
    """Of a response or an assertion; None where it has none. Raise `RefusedXmlError` for another form."""
    found = parent.findall(f"{SIGNATURE}Signature")
    if not found:
        return None
    signature = only(parent, f"{SIGNATURE}Signature")
    _require_children(signature, {"SignedInfo", "SignatureValue"}, {"KeyInfo"})
    info = only(signature, f"{SIGNATURE}SignedInfo")
    id_ = parent.get("ID", "")
    key, hash_, digest_hash, digest = signed_info(info, id_)
    value = base64_of(text_of(only(signature, f"{SIGNATURE}SignatureValue")))
    return Signed(parent.tag, id_, key, hash_, digest_hash, digest, value)


def signed_info(info: Element, id_: str) -> tuple[str, str, str, bytes]:
    """The kind of key and the hash of the signature, the hash of the content, and its digest.

    Raise `RefusedXmlError` unless it signs the whole of the element with this ID, and that alone.
    """
    _require_children(info, {"CanonicalizationMethod", "SignatureMethod", "Reference"})
    if _algorithm(info, "CanonicalizationMethod") != EXCLUSIVE:
        raise RefusedXmlError("It is signed in a form that is not accepted.")
    method = METHODS.get(_algorithm(info, "SignatureMethod"))
    reference = only(info, f"{SIGNATURE}Reference")
    _require_children(reference, {"Transforms", "DigestMethod", "DigestValue"})
    if not id_ or reference.get("URI") != f"#{id_}":
        raise RefusedXmlError("A signature is not of the element that it is in.")
    transforms = list(only(reference, f"{SIGNATURE}Transforms"))
    if [each.get("Algorithm") for each in transforms] != [_ENVELOPED, EXCLUSIVE] or len(transforms[0]):
        raise RefusedXmlError("A signature transforms what it signs in a way that is not accepted.")
    if any(each.tag != f"{{{EXCLUSIVE}}}InclusiveNamespaces" for each in transforms[1]):
        raise RefusedXmlError("A signature transforms what it signs in a way that is not accepted.")
    digest_hash = DIGESTS.get(_algorithm(reference, "DigestMethod"))
    if method is None or digest_hash is None:
        raise RefusedXmlError("It is signed by an algorithm that is not accepted: SHA-256 is the least.")
    return *method, digest_hash, base64_of(text_of(only(reference, f"{SIGNATURE}DigestValue")))


def require_signatures(root: Element, parents: list[Element]) -> list[Signed]:
    """Those of `parents`. Raise `RefusedXmlError` when there is any elsewhere, or what leads elsewhere."""
    found = [each for each in map(signature_of, parents) if each is not None]
    if sum(1 for _ in root.iter(f"{SIGNATURE}Signature")) != len(found):
        raise RefusedXmlError("There is a signature where none should be.")
    for name in (f"{SIGNATURE}RetrievalMethod", f"{SIGNATURE}Manifest", f"{ENCRYPTION}CipherReference"):
        if next(root.iter(name), None) is not None:
            raise RefusedXmlError(f"{_local(name)} is not accepted.")
    return found


def attribute_values(attribute: Element) -> Iterator[str]:
    """Those that are text; others are none of ours."""
    for value in attribute.findall(f"{ASSERTION}AttributeValue"):
        if not len(value) and (text := text_of(value)):
            yield text


def _algorithm(parent: Element, name: str) -> str:
    found = only(parent, f"{SIGNATURE}{name}")
    if len(found):
        raise RefusedXmlError(f"{name} has parameters, which are not accepted.")
    return found.get("Algorithm", "")


def _require_children(
    parent: Element, needed: set[str], allowed: frozenset[str] | set[str] = frozenset()
) -> None:
    names = [each.tag for each in parent]
    wanted = {f"{SIGNATURE}{name}" for name in needed}
    more = {f"{SIGNATURE}{name}" for name in allowed}
    if len(set(names)) < len(names) or not wanted <= set(names) or not set(names) <= wanted | more:
        raise RefusedXmlError(f"{_local(parent.tag)} does not have the form that is accepted.")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
