import pytest

from harka import config


def test_defaults_need_no_environment() -> None:
    assert config.load({}) == config.Settings()


def test_values_are_converted_to_their_types() -> None:
    settings = config.load(
        {"HARKA_PORT": "9", "HARKA_INTROSPECTION": "false", "HARKA_REQUEST_TIMEOUT": "2.5"}
    )
    assert (settings.port, settings.introspection, settings.request_timeout) == (9, False, 2.5)


def test_an_empty_variable_is_an_unset_one() -> None:
    assert config.load({"HARKA_PORT": ""}).port == config.Settings().port


def test_an_unusable_value_names_its_variable() -> None:
    with pytest.raises(config.ConfigurationError, match="HARKA_PORT"):
        config.load({"HARKA_PORT": "99999999"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "bogus"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.0/99"),
        ("DNS_SERVERS", "ns.example.com"),
        ("SMTP_URL", "http://mail.example"),
        ("MAIL_FROM", "Academy <no-reply@learning.example>"),
        ("DNS_SERVERS", "192.0.2.1:99999"),
        ("FONTS", "/no/such/directory"),
        ("SECRET", "abc"),
        ("SECRET", "x" * 64),
        ("SECRET", "ab" * 31),
        ("PLATFORM_DOMAIN", "bad domain"),
        ("PLATFORM_DOMAIN", "-.example"),
        ("PLATFORM_DOMAIN", "bücher.example"),
        ("PLATFORM_DOMAIN", "a." * 130 + "example"),
        ("DATABASE_URL", "mysql://harka:hunter2@db"),
        ("APP_DATABASE_URL", "hunter2"),
        ("ADMIN_DATABASE_URL", "hunter2"),
        ("LISTEN_DATABASE_URL", "hunter2"),
        ("REDIS_URL", "http://:hunter2@cache"),
        ("REQUEST_TIMEOUT", "inf"),
        ("REQUEST_TIMEOUT", "nan"),
        ("SHUTDOWN_GRACE", "inf"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_what_would_fail_later_is_one_line_that_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(config.ConfigurationError, match=f"^HARKA_{name}: ") as refused:
        config.load({f"HARKA_{name}": value})
    assert "\n" not in refused.value.message
    assert "hunter2" not in refused.value.message


def test_what_can_be_used_is_taken() -> None:
    given = {
        "HARKA_TRUSTED_PROXIES": "10.0.0.1/8, ::1,",
        "HARKA_SECRET": "aB" * 32,
        "HARKA_PLATFORM_DOMAIN": "Learn.xn--bcher-kva.example",
        "HARKA_DATABASE_URL": "postgres://db/harka",
        "HARKA_REDIS_URL": "unix:///run/valkey.sock",
    }
    settings = config.load(given)
    assert config.load(config.environment(settings)) == settings
    assert settings.platform_domain == given["HARKA_PLATFORM_DOMAIN"]


def test_the_table_names_every_setting_and_says_what_it_means() -> None:
    rows = config.markdown().splitlines()[2:]
    assert len(rows) == len(config.Settings.__struct_fields__)
    assert all(row.rstrip(" |").rpartition("|")[2].strip() for row in rows)


def test_name_servers_have_the_usual_port_unless_they_say_another() -> None:
    found = config.name_servers("192.0.2.1, 192.0.2.2:5353, [::1]:53,")
    assert found == [("192.0.2.1", 53), ("192.0.2.2", 5353), ("::1", 53)]
    assert config.name_servers("") == []
