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


def test_the_table_names_every_setting_and_says_what_it_means() -> None:
    rows = config.markdown().splitlines()[2:]
    assert len(rows) == len(config.Settings.__struct_fields__)
    assert all(row.rstrip(" |").rpartition("|")[2].strip() for row in rows)
