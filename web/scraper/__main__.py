"""`python -m scraper CONFIG.yml OUT`: scrape, or go on where a run was stopped or killed."""

import fcntl
import logging
import sys
from pathlib import Path

import click
from scrapy.crawler import CrawlerProcess

from .config import Config, ConfigError
from .pages import Pages
from .robots import RobotsError, read_robots
from .spider import PoliteSpider

JOB = "job"


def settings(config: Config, delay: float) -> dict[str, object]:
    """Scrapy's: one connection, a delay that only grows, one honest name, nothing automatic."""
    return {
        "USER_AGENT": config.agent,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": delay,
        "RANDOMIZE_DOWNLOAD_DELAY": False,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": delay,
        "AUTOTHROTTLE_MAX_DELAY": max(60.0, delay),
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 1.0,
        "DOWNLOAD_TIMEOUT": config.timeout,
        "DOWNLOAD_MAXSIZE": 10 * 2**20,
        "COOKIES_ENABLED": False,
        "REDIRECT_ENABLED": False,  # each address is checked before it is asked for
        "RETRY_ENABLED": False,  # counted in the table, waited for as the site asks
        "ROBOTSTXT_OBEY": False,  # read before the start: robots.py fails closed
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "INFO",
    }


@click.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
def main(config: Path, out: Path) -> None:
    """Scrape products into OUT, one JSON file each; the same command goes on after a kill.

    OUT/job holds the table of pages. No page is asked for twice, but for one that a kill caught
    under way.
    """
    try:
        read = Config.read(config)
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    (out / JOB).mkdir(parents=True, exist_ok=True)
    with (out / JOB / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            click.echo(f"Error: {out}: another run is at work there", err=True)
            sys.exit(2)
        _run(read, out)


def _run(config: Config, out: Path) -> None:
    try:
        robots = read_robots(config.start, config.agent, config.timeout)
    except RobotsError as error:
        click.echo(f"Stopped: {error}", err=True)
        sys.exit(1)
    pages = Pages(out / JOB)
    process = CrawlerProcess(settings(config, max(config.delay, robots.delay)))
    crawler = process.create_crawler(PoliteSpider)
    process.crawl(crawler, config, robots, pages, out)
    process.start()
    spider = crawler.spider
    assert isinstance(spider, PoliteSpider)
    logging.shutdown()
    states = ", ".join(f"{n} {state}" for state, n in sorted(pages.states().items()))
    click.echo(f"pages: {states}", err=True)
    if spider.stopped or pages.next():
        click.echo(f"Stopped: {spider.stopped or 'interrupted: run again to go on'}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
