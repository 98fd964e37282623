"""Pages that nobody touches, in a real browser, while somebody else works: they say what is so, soon and in place."""

from __future__ import annotations

import os
import statistics
import sys
import time

import pytest
from site_up import serving, sign_in

from stormplay import JobTracker, RouteBuilder

MAIN = ("lone-star", "2021-04-28")
PAGES = ("phase4_jobs", "phase3_routes", "score")
CHANGES = int(os.environ.get("STORMPLAY_CHANGES", "6"))  # 50 for figures

# How many jobs a page says are done, each in its own words; and when it first said so, by the browser's clock.
WATCH = """(words) => {
  const at = window.told = {};
  const look = () => {
    for (const node of document.querySelectorAll(".sp-lead, .sp-kpi-note")) {
      const found = node.textContent.match(new RegExp(words));
      if (found) { at[found[1].replace(/,/g, "")] ??= Date.now() / 1000; return; }
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""
WORDS = {
    "phase4_jobs": "^([\\d,]+) of [\\d,]+ jobs? ha",
    "phase3_routes": "^([\\d,]+) done",
    "score": "([\\d,]+) of [\\d,]+ jobs completed",
}


@pytest.fixture(scope="module")
def site(fresh_demo):
    RouteBuilder(*MAIN).generate_routes(time_limit_s=0.5)
    with serving(fresh_demo) as url:
        yield url


def opened(visit, site, name, **size):
    page = visit(**size)
    page.goto(f"{site}/voila/render/{name}.ipynb?tenant={MAIN[0]}&storm={MAIN[1]}")
    sign_in(page)
    page.wait_for_function("document.documentElement.dataset.state === 'ready'")
    page.locator(".sp-live", has_text="Live").wait_for()
    return page


def complete_one():
    """Somebody else completes a job; returns when it was committed, and how many are done now."""
    tracker = JobTracker(*MAIN)
    job = tracker.find(statuses=["scheduled"], limit=1).iloc[0]
    tracker.update_job(job.job_id, status="completed")
    return time.time(), tracker.get_progress()["completed"].iloc[0]


def test_a_completed_job_is_on_every_page_at_once(visit, site):
    pages = {name: opened(visit, site, name) for name in PAGES}
    for name, page in pages.items():
        page.evaluate(WATCH, WORDS[name])
        page.evaluate("document.querySelectorAll('iframe').forEach((frame) => { frame.dataset.old = 'yes'; })")
    moments = []
    for _ in range(CHANGES):
        moments.append(complete_one())
        pages["score"].wait_for_timeout(900)
    for name, page in pages.items():
        page.wait_for_function("(done) => done in window.told", arg=str(moments[-1][1]))
        told = page.evaluate("window.told")
        # Changes that came together may be told together.
        late = sorted(min(at for n, at in told.items() if int(n) >= done) - when for when, done in moments)
        sys.stderr.write(
            f"{name}: {1000 * statistics.median(late):.0f} ms, 99 % {1000 * late[-1 - CHANGES // 100]:.0f}\n"
        )
        assert late[-1] < 3, (name, late)
        assert page.evaluate("[...document.querySelectorAll('iframe')].every((frame) => frame.dataset.old)"), name
        assert "last change shown at" in page.locator(".sp-live").inner_text()
