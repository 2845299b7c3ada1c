import hashlib
import re
from base64 import b64encode

from harka.web.graphiql import graphiql


def test_the_page_may_run_its_own_script_and_pinned_ones_only() -> None:
    response = graphiql()
    page, policy = bytes(response.body).decode(), response.headers["content-security-policy"]
    (own,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert f"'sha256-{b64encode(hashlib.sha256(own.encode()).digest()).decode()}'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "default-src 'none'" in policy


def test_what_comes_from_elsewhere_is_checked_by_its_hash() -> None:
    page = bytes(graphiql().body).decode()
    loaded = re.findall(r"<(?:script|link)\b[^>]*\b(?:src|href)=\"https?:[^>]*>", page)
    assert len(loaded) == 4
    assert [tag for tag in loaded if 'integrity="sha384-' not in tag or "@" not in tag] == []
