"""Messages to local servers: sent once, tried again, and never a reason for a night to fail."""

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.messages import Settings, notify
from pipeline.messages.channels import parts
from pipeline.messages.settings import Email, Telegram, Webhook
from pipeline.nightly.cli import main
from tests.pipeline.messages.servers import Inbox, Mailbox, running
from tests.pipeline.nights import CHECK, a_night

TOKEN = "123:very-secret"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    server = Inbox()
    with running(server):
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    server = Mailbox()
    with running(server):
        yield server


@pytest.fixture
def telegram(inbox: Inbox) -> Settings:
    return Settings(telegram=Telegram(TOKEN, "-100", inbox.url))


def test_telegram_gets_the_text_once(inbox: Inbox, telegram: Settings, tmp_path: Path) -> None:
    night = a_night(tmp_path)
    assert notify(night, telegram) == []
    assert notify(night, telegram) == []
    ((path, body),) = inbox.posts
    assert path == f"/bot{TOKEN}/sendMessage"
    assert body["chat_id"] == "-100"
    assert body["text"].startswith("shop 2026-05-31: published c0ffee\n")
    assert "parse_mode" not in body  # one unescaped dot would lose the message
    assert TOKEN not in (night / "messages.json").read_text()
    a_night(tmp_path, published=False, reason="rolled back")
    assert notify(night, telegram) == []
    assert len(inbox.posts) == 2


def test_a_busy_server_is_asked_again_when_it_says(
    inbox: Inbox, telegram: Settings, tmp_path: Path
) -> None:
    busy = {"description": "Too Many Requests", "parameters": {"retry_after": 17}}
    inbox.answers = [(502, {}), (429, busy)]
    waits: list[float] = []
    assert notify(a_night(tmp_path), telegram, sleep=waits.append) == []
    assert waits == [1, 17]
    assert len(inbox.posts) == 3


def test_what_the_server_refuses_is_told_and_not_sent_again(
    inbox: Inbox, telegram: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.answers = [(400, {"description": f"chat not found for {TOKEN}"})] * 2
    with caplog.at_level(logging.DEBUG):
        assert notify(a_night(tmp_path), telegram) == ["telegram: 400: chat not found for ***"]
    assert len(inbox.posts) == 1
    assert TOKEN not in caplog.text
    notify(tmp_path / "2026-05-31", telegram)
    assert len(inbox.posts) == 2  # it was not sent: the next call tries again


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}"
    settings = Settings(
        Telegram(TOKEN, "1", nobody),
        Email("127.0.0.1", port, "a@b.example", ("c@d.example",), "none"),
        Webhook(f"{nobody}/{TOKEN}"),
    )
    waits: list[float] = []
    failed = notify(a_night(tmp_path), settings, sleep=waits.append)
    assert [one.partition(":")[0] for one in failed] == ["telegram", "email", "webhook"]
    assert all("refused" in one for one in failed)
    assert TOKEN not in str(failed)
    assert waits == [1, 2, 4] * 3


def test_a_long_text_goes_on_after_the_part_that_failed(
    inbox: Inbox, telegram: Settings, tmp_path: Path
) -> None:
    failed = [{**CHECK, "passed": False, "note": "x" * 900}] * 9
    night = a_night(tmp_path, published=False, checks=failed)
    inbox.answers = [(200, {}), (400, {"description": "no"})]
    assert notify(night, telegram) == ["telegram: 400: no"]
    assert notify(night, telegram) == []
    first, second, again, third = [body["text"] for _, body in inbox.posts]
    assert second == again
    assert first.startswith("shop 2026-05-31: NOT PUBLISHED")
    assert third.splitlines()[-1].startswith("page: ")


def test_parts_count_as_telegram_does() -> None:
    assert parts("🙂🙂🙂", longest=4) == ["🙂🙂", "🙂"]
    assert parts("a\n\nb", longest=4) == ["a\n\nb"]
    assert parts("a b c d", longest=3) == ["a b", " c ", "d"]


def test_a_webhook_gets_the_decision(inbox: Inbox, tmp_path: Path) -> None:
    assert notify(a_night(tmp_path), Settings(webhook=Webhook(inbox.url + "/hook"))) == []
    ((path, body),) = inbox.posts
    assert path == "/hook"
    assert body["text"].startswith("shop 2026-05-31")
    assert body["decision"]["candidate"] == "c0ffee"


def test_a_mail_has_the_first_line_as_its_subject(mailbox: Mailbox, tmp_path: Path) -> None:
    port = mailbox.server_address[1]
    channel = Email("127.0.0.1", port, "a@b.example", ("c@d.example", "e@f.example"), "none")
    mailbox.refuse = ["451 come back later"]
    waits: list[float] = []
    night = a_night(tmp_path, reason="ночь")
    assert notify(night, Settings(email=channel), sleep=waits.append) == []
    assert waits == [1]
    (mail,) = mailbox.mails
    message = message_from_string(mail, policy=default)
    assert message["Subject"] == "shop 2026-05-31: published c0ffee"
    assert message["To"] == "c@d.example, e@f.example"
    assert "why: ночь" in message.get_content()
    mailbox.refuse = ["550 no such sender"]
    other = replace(channel, sender="x@b.example")
    (night / "messages.json").unlink()
    (failed,) = notify(night, Settings(email=other))
    assert "550" in failed


def test_a_directory_that_cannot_be_written_fails_nothing(
    inbox: Inbox, telegram: Settings, tmp_path: Path
) -> None:
    night = a_night(tmp_path)
    (night / "messages.json").mkdir()
    (failed,) = notify(night, telegram)
    assert "sent twice" in failed
    assert len(inbox.posts) == 1


def test_the_command(inbox: Inbox, tmp_path: Path) -> None:
    night, runner = a_night(tmp_path), CliRunner()
    variables: dict[str, str | None] = {
        "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "7", "TELEGRAM_API_BASE": inbox.url,
    }  # fmt: skip
    shown = runner.invoke(main, ["notify", str(night), "--show", "--note", "by hand"])
    assert shown.stdout.startswith("shop 2026-05-31: published c0ffee\nby hand\n")
    assert runner.invoke(main, ["notify", str(night)], env=variables).exit_code == 0
    assert len(inbox.posts) == 1
    inbox.answers = [(403, {"description": "bot was blocked"})]
    refused = runner.invoke(main, ["notify", str(night), "--note", "x"], env=variables)
    assert refused.exit_code == 1
    assert refused.stderr == "not sent: telegram: 403: bot was blocked\n"
    nobody = runner.invoke(main, ["notify", str(night)])
    assert nobody.exit_code == 2
    assert "TELEGRAM_BOT_TOKEN" in nobody.stderr


def test_a_night_that_stops_is_told_and_keeps_its_exit_code(inbox: Inbox, tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yml"
    config.write_text(
        json.dumps({"out": str(tmp_path / "out"), "source": {"place": str(tmp_path / "none")}})
    )
    command = ["run", "all", "--config", str(config), "--night", "2026-05-31"]
    hook: dict[str, str | None] = {"NOTIFY_WEBHOOK_URL": inbox.url}
    inbox.answers = [(404, {}), (200, {})]
    told = CliRunner().invoke(main, command, env=hook)
    assert told.exit_code == 1
    assert "message not sent: webhook: 404" in told.stderr
    assert "stopped: " in told.stderr
    assert CliRunner().invoke(main, command, env=hook).exit_code == 1
    assert "NOT PUBLISHED" in inbox.posts[-1][1]["text"]
    half = CliRunner().invoke(main, command, env={"SMTP_HOST": "mail.example"})
    assert half.exit_code == 1
    assert "no message was sent: SMTP_HOST is set, and NOTIFY_EMAIL_TO is not" in half.stderr
