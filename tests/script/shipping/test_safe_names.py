"""Names that would lead elsewhere, addresses with a path, proxies: said before all."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from script.dataclient import main
from script.shipping.errors import InputError
from script.shipping.safe_names import check_url, home_directory, printable, proxy_of

LINE = b'{"user": 1}\n'


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HDFSCLI_CONFIG", str(tmp_path / "hdfscli.cfg"))
    for name in ("HDFS_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "data.json").write_bytes(LINE)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "name", ["a%41b", "a%b", "a#b", "a:b", "a\\b", "a?b", "a*", "{a}", "[a]", "a\nb", "a\tb",
             " a", "a ", "x" * 256, "\udcff", ".snapshot", ".reserved", "..", "."]
)  # fmt: skip
def test_a_directory_of_hdfs_that_would_be_another(name: str) -> None:
    for directory in (name, f"logs/{name}", f"{name}/logs"):
        with pytest.raises(InputError) as caught:
            home_directory("ann", directory)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match="not a user name"):
        home_directory(name, "logs")


@pytest.mark.parametrize("name", ["logs", "a b", "é", "a,b", "a@b", "a=b&c", "_x", "~a", "logs/"])
def test_names_that_hdfs_has(name: str) -> None:
    assert home_directory("ann", name) == f"/user/ann/{name.rstrip('/')}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://node:50070/webhdfs/v1", "address alone, http://node:50070"),
        ("http://node:50070/x", "address alone"),
        ("http://node:50070?a=b", "address alone"),
        ("http://node:50070#a", "address alone"),
        ("http://a:1;http://b:2/webhdfs/v1", "address alone, http://b:2"),
        ("http://ann:secret@node:50070", "without a user"),
        ("http://node:999999", "not a WebHDFS address"),
        ("http://", "not a WebHDFS address"),
        ("http://a:1;", "not a WebHDFS address"),
        ("http://a b:1", "not a WebHDFS address"),
        ("hdfs://node:8020", "not a WebHDFS address"),
        ("node:50070", "not a WebHDFS address"),
        ("http://node:50070\n", "not a WebHDFS address"),
    ],
)
def test_an_address_that_is_more_or_less_than_one(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_url(url, "http://127.0.0.1:50070")
    assert "secret" not in str(caught.value)
    assert_refused(call("--user", "ann", "log2hdfs", "--url", url, "logs"), words)


def test_an_alias_with_a_path_in_its_address(tmp_path: Path) -> None:
    settings = "[global]\ndefault.alias = dev\n[dev.alias]\nurl = http://node:1/webhdfs/v1\n"
    (tmp_path / "hdfscli.cfg").write_text(settings)
    assert_refused(call("--user", "ann", "log2hdfs", "logs"), "http://node:1", "alone")


@pytest.mark.parametrize(
    "url", ["http://node:50070", "https://node/", "http://a:1;http://[::1]:2"]
)
def test_addresses(url: str) -> None:
    check_url(url, "")


def test_a_log_whose_name_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"data.json.\xff")
    (tmp_path / "log" / name).write_bytes(LINE)
    assert_refused(call("log2local", "out"), "data.json.\\xff", "not UTF-8; rename it")
    assert not (tmp_path / "out").exists()


def test_a_log_with_a_line_end_in_its_name_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "log" / "data.json.\n\x1b[31m").write_bytes(LINE)
    done = call("log2local", "out")
    assert done.exit_code == 0
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_names_for_messages() -> None:
    assert printable(os.fsdecode(b"a\xff\n\xc3\xa9")) == "a\\xff\\né"


def test_a_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("http://node:1") is None
    monkeypatch.setenv("HTTP_PROXY", "http://ann:secret@127.0.0.1:9")
    assert proxy_of("http://node:1") == "127.0.0.1:9"
    done = call("--user", "ann", "log2hdfs", "--retry-for", "0", "--url", "http://node:1", "logs")
    assert done.exit_code == 1
    note, error = done.stderr.splitlines()
    assert "go through the proxy 127.0.0.1:9" in note
    assert "through the proxy 127.0.0.1:9" in error
    assert "secret" not in done.stderr
    monkeypatch.setenv("NO_PROXY", "node")
    assert proxy_of("http://node:1") is None
