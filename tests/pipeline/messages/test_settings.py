"""Where messages go, from the environment."""

import pytest

from pipeline.messages import Settings, SettingsError

TELEGRAM = {"TELEGRAM_BOT_TOKEN": "1:secret", "TELEGRAM_CHAT_ID": "-1"}
EMAIL = {"SMTP_HOST": "mail.example", "NOTIFY_EMAIL_TO": "a@b.example, c@d.example"}


def test_nothing_set_is_nobody_to_tell() -> None:
    assert Settings.from_environment({}).empty


def test_secrets_are_not_shown() -> None:
    login = {"SMTP_USER": "me", "SMTP_PASSWORD": "secret"}
    hook = {"NOTIFY_WEBHOOK_URL": "https://x.example/secret"}
    settings = Settings.from_environment(TELEGRAM | EMAIL | login | hook)
    assert not settings.empty
    assert settings.email is not None
    assert settings.email.to == ("a@b.example", "c@d.example")
    assert settings.email.sender == "a@b.example"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TELEGRAM_BOT_TOKEN": "secret"}, "TELEGRAM_CHAT_ID is not"),
        ({"TELEGRAM_CHAT_ID": "secret"}, "TELEGRAM_BOT_TOKEN is not"),
        ({"SMTP_HOST": "secret"}, "NOTIFY_EMAIL_TO is not"),
        (EMAIL | {"SMTP_PASSWORD": "secret"}, "SMTP_USER is not"),
        (EMAIL | {"SMTP_PORT": "secret"}, "SMTP_PORT"),
        (EMAIL | {"SMTP_SECURITY": "secret"}, "SMTP_SECURITY"),
        (EMAIL | {"NOTIFY_EMAIL_FROM": "secret"}, "NOTIFY_EMAIL_FROM"),
        (
            EMAIL | {"SMTP_SECURITY": "none", "SMTP_USER": "a", "SMTP_PASSWORD": "secret"},
            "unencrypted",
        ),
        ({"NOTIFY_WEBHOOK_URL": "secret"}, "NOTIFY_WEBHOOK_URL"),
        (TELEGRAM | {"TELEGRAM_API_BASE": "ftp://secret"}, "TELEGRAM_API_BASE"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        Settings.from_environment(variables)
    assert "secret" not in str(error.value)
