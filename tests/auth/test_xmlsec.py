from pathlib import Path

import pytest
from cryptography import x509

from harka.auth import xmlsec
from harka.auth.saml_xml import ASSERTION, Signed, read, signature_of
from harka.auth.xmlsec import Xmlsec
from harka.errors import UnavailableError
from saml_idp import DS, KEY, PROGRAM, Signing, around, changed, needs_xmlsec1, new_key, said, signed

CERTIFICATE = x509.load_pem_x509_certificate(KEY.certificate.encode())


def found(document: str) -> tuple[bytes, Signed]:
    """What is there first, whatever else is."""
    whole = read(document.encode())
    signature = next(each for each in map(signature_of, whole.root.iter(f"{ASSERTION}Assertion")) if each)
    return whole.content, signature


@needs_xmlsec1
def test_what_was_signed_comes_back_not_what_was_sent() -> None:
    one = said(name_id="so<!-- or -->so")
    honest = signed(one.xml(), KEY)
    plain = one.xml().replace("<!-- or -->", "").encode()
    # whatever stands around it, and whoever could be taken for it
    evil = changed(one, name_id="evil").xml()
    for document in (
        around(honest),
        around(evil + honest),
        evil.replace("</saml:Issuer>", f"</saml:Issuer>{honest}"),
    ):
        content, signature = found(document)
        told = Xmlsec(PROGRAM).verified(content, signature, CERTIFICATE)
        assert told in {plain, None}
    assert Xmlsec(PROGRAM).verified(*found(around(honest)), CERTIFICATE) == plain


@needs_xmlsec1
def test_a_key_that_the_document_brings_along_is_nobodys() -> None:
    stranger = new_key()
    for shown in (None, ""):
        content, signature = found(around(signed(said().xml(), Signing(stranger, shown=shown))))
        assert Xmlsec(PROGRAM).verified(content, signature, CERTIFICATE) is None
        own = x509.load_pem_x509_certificate(stranger.certificate.encode())
        assert Xmlsec(PROGRAM).verified(content, signature, own) is not None


@needs_xmlsec1
def test_what_it_prints_is_no_place_to_print_into() -> None:
    """A name of the signer's own that looks like the end of what was signed."""
    for mark in ("== PreDigest data - end buffer", "== PreSigned data - start buffer:"):
        content, signature = found(around(signed(said(name_id=f"x\n{mark}\ny").xml(), KEY)))
        assert Xmlsec(PROGRAM).verified(content, signature, CERTIFICATE) is None


def saying(program: Path, content: str, info: str) -> Xmlsec:
    """A program that finds every signature right."""
    (program.parent / "content").write_text(content)
    (program.parent / "info").write_text(info)
    program.write_text(
        f"""#!/bin/sh
[ "$1" = --version ] && echo "xmlsec1 1.2.37 (x)" && exit
printf '== PreDigest data - start buffer:\\n' && /bin/cat {program.parent}/content
printf '\\n== PreDigest data - end buffer\\n== PreSigned data - start buffer:\\n'
/bin/cat {program.parent}/info && printf '\\n== PreSigned data - end buffer\\n'
"""
    )
    program.chmod(0o755)
    return Xmlsec(program)


def test_it_is_not_believed_by_its_word_alone(tmp_path: Path) -> None:
    one, other = said(), said()
    for key, printed, right in ((KEY, one, True), (new_key(), one, False), (KEY, other, False)):
        document = around(signed(one.xml(), key))
        content, signature = found(document)
        info = document[document.index("<ds:SignedInfo") : document.index("<ds:SignatureValue")]
        named = info.replace("<ds:SignedInfo", f'<ds:SignedInfo xmlns:ds="{DS}"', 1)
        program = saying(tmp_path / "xmlsec1", printed.xml(), named)
        assert (program.verified(content, signature, CERTIFICATE) is not None) == right


def test_without_the_program_it_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="xmlsec1"):
        Xmlsec(tmp_path / "xmlsec1").version()


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlsec, "PATIENCE", 0.2)
    program = tmp_path / "xmlsec1"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(UnavailableError, match="in time"):
        Xmlsec(program).version()
