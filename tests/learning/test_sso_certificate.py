from harka.learning.sso_certificate import certificates
from saml_idp import KEY, new_key


def test_each_is_told_by_itself() -> None:
    second = new_key(curve=True)
    told = certificates(KEY.certificate + second.certificate)
    assert [each.pem for each in told] == [KEY.certificate, second.certificate]
    assert {each.subject for each in told} == {"CN=idp"}
    assert len({each.fingerprint for each in told}) == 2
    assert all(len(each.fingerprint) == 64 and each.not_before < each.expires_at for each in told)


def test_of_nothing_there_are_none() -> None:
    assert certificates(None) == []
