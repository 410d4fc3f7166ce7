"""What became of a night, told by Telegram, e-mail or a webhook."""

from pipeline.messages.notify import notify
from pipeline.messages.settings import Settings, SettingsError

__all__ = ["Settings", "SettingsError", "notify"]
