"""One run of one spider in a process of its own: a job as JSON on stdin, its outcome as JSON on stdout.

Scrapy's reactor can be started once in a process and would stop everything else in it; hence the process.
"""

from __future__ import annotations

import importlib
import sys

import msgspec
from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings
from scrapy.utils.python import to_unicode

from crawlers.spiders.base import Job, Outcome, SiteSpider


def spider_of(platform: str) -> type[SiteSpider]:
    """The spider in the platform's file."""
    module = importlib.import_module(f"crawlers.spiders.{platform}")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, SiteSpider) and value.__module__ == module.__name__
    )


def run(job: Job) -> Outcome:
    """Blocks until the spider is done."""
    settings = Settings()
    settings.setmodule("crawlers.settings")
    settings.update(
        {
            "USER_AGENT": to_unicode(job.agent),
            "DOWNLOAD_DELAY": job.delay,
            "AUTOTHROTTLE_START_DELAY": job.delay,
            "AUTOTHROTTLE_ENABLED": job.delay > 0,
        }
    )
    outcome = Outcome()
    process = CrawlerProcess(settings)
    process.crawl(spider_of(job.platform), job=job, outcome=outcome)
    process.start()
    return outcome


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(run(job)))


if __name__ == "__main__":
    main()
