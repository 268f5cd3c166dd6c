"""Scrapy's settings for the spiders in crawlers/spiders: polite first. `crawlers.spiders.run` reads this module and
lays the source's own delay and name over it. What happens to the items is ordered in crawlers/pipelines.
"""

BOT_NAME = "earshot"
SPIDER_MODULES = ["crawlers.spiders"]
NEWSPIDER_MODULE = "crawlers.spiders"

ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = "Earshot"
DOWNLOADER_MIDDLEWARES = {"crawlers.spiders.robots.RobotsFirst": 540}  # behind the one that repeats requests
CONCURRENT_REQUESTS = 4
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 3.0  # seconds; forums ask for one request in 3 to 5
AUTOTHROTTLE_ENABLED = True  # never faster than DOWNLOAD_DELAY, slower when the site answers slowly
AUTOTHROTTLE_TARGET_CONCURRENCY = 1.0
AUTOTHROTTLE_MAX_DELAY = 60.0

DOWNLOAD_TIMEOUT = 30
DOWNLOAD_MAXSIZE = 10 * 1024 * 1024
DOWNLOAD_WARNSIZE = 0
REDIRECT_MAX_TIMES = 5
RETRY_TIMES = 2
RETRY_HTTP_CODES = [408, 500, 502, 504, 520, 522, 524]  # 429 and 503 ask us to wait: the schedule does
CLOSESPIDER_TIMEOUT = 900  # seconds: a run whose parent is gone ends by itself

COOKIES_ENABLED = False  # no session: what we read is what anyone may read
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "WARNING"
LOG_FORMATTER = "scrapy.logformatter.LogFormatter"
EXTENSIONS = {"scrapy.extensions.corestats.CoreStats": None, "scrapy.extensions.logstats.LogStats": None}
