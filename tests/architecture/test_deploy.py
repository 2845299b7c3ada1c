"""What `deploy/` says is true: settings, commands and metrics it names exist, and no secret is in it."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from harka.cli.main import COMMANDS
from harka.codec import from_json
from harka.config import PREFIX, Settings
from harka.metrics import JobOutcome, Metrics, TenantUsage

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
YAML = [path for path in FILES if path.suffix in {".yaml", ".yml"}]
# passwords of the database's own roles, which compose hands to PostgreSQL
COMPOSE_ONLY = {"HARKA_OWNER_PASSWORD", "HARKA_APP_PASSWORD", "HARKA_CONTROL_PASSWORD"}


def name(path: Path) -> str:
    return str(path.relative_to(DEPLOY))


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def containers() -> Iterator[dict[str, Any]]:
    for path in (DEPLOY / "kubernetes").glob("*.yaml"):
        for document in documents(path):
            if document["kind"] in {"Deployment", "Job"}:
                yield from document["spec"]["template"]["spec"]["containers"]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_setting_named_exists(path: Path) -> None:
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__} | COMPOSE_ONLY
    named = set(re.findall(r"\bHARKA_[A-Z_]+\b", path.read_text()))
    assert named <= known


def test_every_command_named_exists() -> None:
    compose = documents(DEPLOY / "compose" / "compose.yaml")[0]["services"]
    composed = [service["command"][0] for service in compose.values() if service.get("image") == "harka"]
    ordered = [container["args"][0] for container in containers()]
    assert sorted(composed) == sorted(ordered) == ["migrate", "serve", "worker"]
    assert set(composed) <= set(COMMANDS)


@pytest.mark.parametrize("path", YAML, ids=name)
def test_a_file_is_well_formed(path: Path) -> None:
    assert all(documents(path))


def test_every_container_is_confined() -> None:
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_kubernetes_file_is_applied() -> None:
    listed = documents(DEPLOY / "kubernetes" / "kustomization.yaml")[0]["resources"]
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there


def test_a_pod_has_time_to_drain() -> None:
    settings = documents(DEPLOY / "kubernetes" / "settings.yaml")[0]["data"]
    grace = float(settings["HARKA_SHUTDOWN_GRACE"])
    for path in ("api.yaml", "worker.yaml"):
        pod = documents(DEPLOY / "kubernetes" / path)[0]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] >= grace + 5 + 5


def test_every_pod_that_stays_is_scraped() -> None:
    port = Settings().metrics_port
    (policy,) = documents(DEPLOY / "kubernetes" / "network.yaml")
    assert {"port": "metrics"} in [each for rule in policy["spec"]["ingress"] for each in rule["ports"]]
    for path in ("api.yaml", "worker.yaml"):
        pod = documents(DEPLOY / "kubernetes" / path)[0]["spec"]["template"]
        assert pod["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port),
        }
        ports = {each["name"]: each["containerPort"] for each in pod["spec"]["containers"][0]["ports"]}
        assert ports["metrics"] == port


def test_no_secret_is_in_it() -> None:
    for path in FILES:
        text = path.read_text()
        assert not re.search(r"\b[0-9a-f]{32,}\b|BEGIN [A-Z ]*PRIVATE KEY|hk_[A-Za-z0-9]{8}", text), name(
            path
        )
        for user, password in re.findall(r"://(\w+):([^@\s]+)@", text):
            assert password.startswith("${"), f"{name(path)}: {user}"


def test_every_metric_named_is_served() -> None:
    metrics = Metrics(tenants=1)
    tenant = UUID(int=1)
    metrics.observe_request(tenant=tenant, operation="Courses", route="graphql", status=200, seconds=0.1)
    metrics.set_usage([TenantUsage(tenant, "STARTER", 1, 1)], other={})
    metrics.observe_job("usage.measure", JobOutcome.DONE, seconds=0.1)
    metrics.watch_gauge("database_connections", "Open connections.", "state", lambda: {"idle": 1.0})
    metrics.watch_counter("cache_lookups", "Lookups.", "outcome", lambda: {"hit": 1.0})
    served = set(re.findall(r"^(\w+)[{ ]", metrics.exposition().decode(), re.MULTILINE)) | {"up"}
    assert expressions()
    for expression in expressions():
        used = set(re.findall(r"\b([a-z_]+)(?=\{|\[| ==| >)", expression))
        assert used <= served, expression


def expressions() -> list[str]:
    alerts = documents(DEPLOY / "prometheus" / "alerts.yml")[0]["groups"]
    board = from_json((DEPLOY / "grafana" / "harka.json").read_bytes())
    found = [rule["expr"] for group in alerts for rule in group["rules"]]
    return found + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_the_pooler_pools_transactions() -> None:
    parser = configparser.ConfigParser(comment_prefixes=(";",))
    parser.read(DEPLOY / "pgbouncer" / "pgbouncer.ini")
    assert parser["pgbouncer"]["pool_mode"] == "transaction"


def test_the_proxy_lets_no_forwarded_header_through() -> None:
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    for header in ("X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Request-ID"):
        assert re.search(rf"^\s+http-request del-header {header}$", text, re.MULTILINE)
