"""How fast the desk is in a real browser with many mentions: first picture of each page, answer to a filter.

    python benchmarks/desk.py --rows 1000000 --home /tmp/desk-1m

Fills the home folder once (later runs use it again), starts the desk, drives it with Chromium, and prints
milliseconds (p50, p95) beside the processor seconds the server spent and its memory. On a machine that is
busy with other things the processor seconds are the number to trust.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # the generator lies beside this file
import generate

from dashboard.commands.serve import desk_command
from index import settings as settings_file
from index.alerts.cases import Cases
from index.crm.customers import Customers
from index.documents import Customer, Influence
from index.query import MentionQuery
from index.records import open_records
from index.stores import open_store
from index.stores.protocol import Store

PORT = 8790
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
# A page and what its first useful picture is: numbers, a card, a line of the queue.
PAGES = {
    "overview": ("概览", "[data-testid=stMetricValue]"),
    "mentions": ("提及", ".card-text"),
    "cases": ("工单", ".st-key-one-case .talk"),
    "influencers": ("达人", ".score"),
    "customers": ("客户", "[class*=st-key-open-case-]"),
    "sources": ("来源", ".head .label"),
}
CLICK_AND_WAIT = """async ([button, ready, changed]) => {
  const find = (words) => [...document.querySelectorAll(button)].find((e) => e.innerText.trim().endsWith(words[0]));
  const before = changed ? document.querySelector(changed)?.innerText : null;
  const start = performance.now();
  find(ready.words).click();
  for (;;) {
    await new Promise((done) => requestAnimationFrame(done));
    const there = changed
      ? document.querySelector(changed) && document.querySelector(changed).innerText !== before
      : document.querySelector("h1.page")?.innerText === ready.words[0] && document.querySelector(ready.element);
    if (there) return performance.now() - start;
    if (performance.now() - start > 30000) return 30000;
  }
}"""


def fill(home: Path, rows: int) -> None:
    """A store of `rows` mentions, 300 scored authors, 2,000 customers and 300 cases."""
    home.mkdir(parents=True, exist_ok=True)
    if (home / "filled").exists():
        return
    brands = "".join(
        f'[[brands]]\nname = "{b}"\nown = {str(i == 0).lower()}\n' for i, b in enumerate(generate.BRANDS)
    )
    (home / "earshot.toml").write_text(
        brands + '[[sources]]\nname = "weibo"\nplatform = "weibo"\n', encoding="utf-8"
    )
    settings = settings_file.load(home)
    store, records = open_store(settings), open_records(settings)
    made = generate.records(rows)
    for number in itertools.count(1):
        batch = list(itertools.islice(made, 2000))
        if not batch:
            break
        store.save(batch)
        print(f"\r{number * 2000:,} mentions", end="", file=sys.stderr)
    customers = Customers(settings, records)
    customers.upsert([Customer(id=f"C{n}", name=f"客户{n}", orders=n % 40, spend=n * 1.5) for n in range(2000)])
    store.set_influence(list(_scores(store)))
    cases = Cases(settings, records)
    for hit in store.search(MentionQuery(brands=(generate.BRANDS[0],), sentiments=("negative",)), limit=100).hits:
        cases.make(hit.record, by="benchmark", reason="一条负面帖子")
    store.close()
    records.close()
    (home / "filled").touch()


def _scores(store: Store) -> Iterator[Influence]:
    for number, stat in enumerate(store.top_authors(MentionQuery(brands=(generate.BRANDS[0],)), limit=100)):
        yield Influence(
            author_id=stat.author.id, brand=generate.BRANDS[0], score=60 + number % 40, tier="KOC",
            parts={"frequency": 0.5, "engagement": 0.7}, reason_zh="常说", reason_en="Speaks often",
            computed_at=datetime.now(UTC),
        )  # fmt: skip


@contextmanager
def desk(home: Path) -> Iterator[int]:
    """The desk as `earshot serve` starts it; gives its process id."""
    command = desk_command("127.0.0.1", PORT, open_browser=False)
    process = subprocess.Popen(command, env={**os.environ, "EARSHOT_HOME": str(home)}, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def open_desk(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
    for _ in range(120):
        try:
            page.goto(f"http://127.0.0.1:{PORT}/")
            break
        except Exception:  # noqa: BLE001 - the server is not up yet; playwright has one class for all of it
            time.sleep(0.25)
    page.wait_for_selector("h1.page", timeout=60_000)
    return page


def first_pictures(page: Page, pid: int, rounds: int) -> None:
    """Change from page to page through the menu, the way a reader does."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    spent: dict[str, float] = dict.fromkeys(PAGES, 0.0)
    for _ in range(rounds):
        for name in (*list(PAGES)[1:], "overview"):
            title, element = PAGES[name]
            before = cpu_seconds(pid)
            ready = {"words": [title], "element": element}
            times[name].append(page.evaluate(CLICK_AND_WAIT, ["nav a", ready, None]))
            settle(page)
            spent[name] += cpu_seconds(pid) - before
    for name in PAGES:
        report(f"first picture: {name}", times[name], spent[name] / rounds)


def filters(page: Page, pid: int, changes: int) -> None:
    """Toggle filters of the Mentions page; answered when the count line says something else."""
    page.evaluate(CLICK_AND_WAIT, ["nav a", {"words": ["提及"], "element": ".card-text"}, None])
    settle(page)
    buttons = itertools.cycle(
        ["负面", "7 天", "正面", "90 天", "负面", "30 天", "正面", "全部", "中性", "90 天", "中性", "30 天"]
    )
    times, before = [], cpu_seconds(pid)
    for _ in range(changes):
        ready = {"words": [next(buttons)]}
        button = ".st-key-sentiment button, .st-key-period button"
        times.append(page.evaluate(CLICK_AND_WAIT, [button, ready, ".st-key-summary"]))
        settle(page)
    report("answer to a filter: mentions", times, (cpu_seconds(pid) - before) / changes)


def settle(page: Page) -> None:
    """Until the script of this run has ended."""
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    page.wait_for_timeout(300)


def report(what: str, times: list[float], cpu: float) -> None:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"{what:34} p50 {statistics.median(ordered):7.0f} ms   p95 {p95:7.0f} ms   server {cpu:6.3f} CPU-s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--home", type=Path, required=True, help="kept between runs")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each page")
    parser.add_argument("--changes", type=int, default=30, help="changes of a filter")
    chosen = parser.parse_args()
    fill(chosen.home, chosen.rows)
    with desk(chosen.home) as pid, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = open_desk(browser)
        settle(page)
        first_pictures(page, pid, chosen.rounds)
        filters(page, pid, chosen.changes)
        print(f"{'memory of the desk':34} {megabytes(pid):.0f} MB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
