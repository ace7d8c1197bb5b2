# SPDX-License-Identifier: MIT
"""The status page and the picture in a real browser: nothing is executed or requested, and everything can be read.

SCREENSHOTS names a directory for screenshots to be looked at."""

import json
import os
import pathlib
import shutil
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "integration")]

from driver import Browser, Server  # noqa: E402
from report_rig import HOSTILE, Reports  # noqa: E402

WIDTHS, SCHEMES = (1200, 760, 390), ("light", "dark")

# Of all texts that are shown, those with the least contrast to what is behind them: [ratio, text].
CONTRAST = """
const luminance = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                         return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const parts = c => (c.match(/[\\d.]+/g) || []).map(Number);
const solid = c => parts(c).length == 3 || parts(c)[3] == 1;
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (solid(c)) return parts(c); }
                      return [255, 255, 255]; };
const found = [];
for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join("");
    if (!text || !e.checkVisibility() || e.localName == "title") continue;
    const svg = e.ownerSVGElement, style = getComputedStyle(e);
    const back = svg ? parts(getComputedStyle(document.querySelector(".paper")).fill) : behind(e);
    const [a, b] = [luminance(parts(svg ? style.fill : style.color)), luminance(back)].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), text]);
}
return found.sort((x, y) => x[0] - y[0]).slice(0, 3);
"""

# Elements that reach beyond the width of the page, where they would be cut off, or of their column; and words of a Status
# that are divided.
TOO_WIDE = """
return [...document.querySelectorAll("body *")].filter(e => !e.ownerSVGElement && e.checkVisibility() &&
    (e.getBoundingClientRect().right > innerWidth + 0.5 || e.localName == "td" && e.scrollWidth > e.clientWidth ||
     e.matches(".status bdi") && /^\\w+$/.test(e.textContent) && e.clientHeight > 1.5 * parseFloat(getComputedStyle(e).lineHeight))).map(e => e.outerHTML.slice(0, 200));
"""

# How large the texts of the timeline are on the screen, in pixels: the smallest and the largest.
TEXT_SIZES = """
const sizes = [...document.querySelectorAll(".chart text")].filter(e => e.checkVisibility())
    .map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a);
return [Math.min(...sizes), Math.max(...sizes)];
"""


class InBrowser(Reports):
    def setUp(self):
        super().setUp()
        self.served = self.directory / "served"
        self.served.mkdir()
        (self.served / "favicon.ico").touch()
        self.server = Server(self.served)
        self.addCleanup(self.server.stop)
        self.browser = Browser(self.directory)
        self.addCleanup(self.browser.stop)

    def serve(self):
        """Both files of the jobs."""
        self.out("report", "-o", self.served / "jobs.html")
        self.out("timeline", "-o", self.served / "jobs.svg")

    def check_harmless(self, name, **how):
        """Only the file itself was requested, and the browser has nothing to say about it."""
        del self.server.paths[:]
        requests, console = self.browser.show(self.server.url + name, **how)
        # An icon is what the browser itself asks each server for, unless the policy of a page forbids it.
        icon = [self.server.url + "favicon.ico"] if name.endswith(".svg") else []
        self.assertEqual([url for url in requests if url not in icon], [self.server.url + name])
        self.assertEqual(console, [])
        self.assertEqual(self.browser.run("return document.querySelectorAll('script, img, a, iframe, object, embed, link, form, "
                                          "foreignObject, use, image, animate, set, [style], [onload], [onerror]').length"), 0)

    def keep(self, name):
        directory = os.environ.get("SCREENSHOTS")
        if directory:
            pathlib.Path(directory, name).write_bytes(self.browser.screenshot())

    def check_layout(self, name):
        """All can be read, on screens of three widths and in both colour schemes."""
        backs = {}
        for width in WIDTHS:
            for scheme in SCHEMES:
                with self.subTest(f"{name}, {width}, {scheme}"):
                    self.check_harmless("jobs.html", width=width, scheme=scheme)
                    self.keep(f"{name}-{width}-{scheme}.png")
                    self.assertEqual(self.browser.run(TOO_WIDE), [])
                    self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
                    for ratio, text in self.browser.run(CONTRAST):
                        self.assertGreaterEqual(ratio, 4.5, text)
                    shown = self.browser.run("return ['.wide', '.middle', '.narrow', 'thead'].map(name => document.querySelector(name).checkVisibility())")
                    self.assertEqual(shown, [width > 920, 600 < width <= 920, width <= 600, width > 700])
                    backs[width, scheme] = self.browser.run("return getComputedStyle(document.body).backgroundColor")
        self.assertEqual(len({backs[width, "light"] for width in WIDTHS} | {backs[width, "dark"] for width in WIDTHS}), 2)
        for scheme in SCHEMES:
            self.check_harmless("jobs.svg", scheme=scheme)
            self.keep(f"{name}-picture-{scheme}.png")

    def check_jobs(self, count):
        self.start_many(count)
        self.spread()
        self.serve()
        self.check_layout(f"{count}-jobs")

    def test_three_jobs(self):
        self.check_jobs(3)

    def test_twenty_jobs(self):
        self.check_jobs(20)

    def test_two_hundred_jobs(self):
        self.check_jobs(200)

    def test_texts_of_the_timeline_are_neither_small_nor_large(self):
        self.start_many(8)
        self.spread()
        self.serve()
        for width in (1600, 1200, 921, 920, 860, 760, 700, 601, 600, 560, 390, 360):
            with self.subTest(width):
                self.browser.show(self.server.url + "jobs.html", width=width)
                self.keep(f"texts-{width}.png")
                smallest, largest = self.browser.run(TEXT_SIZES)
                self.assertGreaterEqual(smallest, 9.7)
                self.assertLessEqual(largest, 19)

    def start_hostile(self):
        self.start("[job 5]\nstep = 0s Running\n[job 6]\nstep = 0s Running\n[job 7]\nstep = 0s Running\n", [5, 6, 7])
        for job, status, text in ((5, "Running " + HOSTILE, HOSTILE), (6, "Completed", HOSTILE), (7, "Failed", "W" * 190 + HOSTILE)):
            self.fake.fault(f"job{job}", path=f"*/{job}", status="200", body=json.dumps(
                {"Id": job, "Status": status, "Description": text, "ResultData": text * 2}))
        self.wait_until(lambda: len([job for job in self.json("list") if len(job.get("Result", "")) > 100]) == 3)

    def test_hostile_texts_are_shown_and_nothing_else(self):
        self.start_hostile()
        self.serve()
        self.check_layout("hostile")
        self.check_harmless("jobs.html")
        self.assertIn("<script>alert(1)</script>", self.browser.run("return document.querySelector('td.job').innerText"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('tbody tr').length"), 3)

    def test_the_policy_stops_what_might_get_past_the_escaping(self):
        self.start("[job 5]\nstep = 0s Running\n", [5])
        self.serve()
        page = self.served / "jobs.html"
        page.write_text(page.read_text(encoding="utf-8").replace("<main>", (
            "<script>document.title = 'executed'</script><img src='/image' onerror=\"document.title = 'executed'\">"
            "<link rel='stylesheet' href='/style'><style>h1 { background: url(/back) }</style><iframe src='/frame'></iframe>"
            "<form action='/form'><input name='a'></form><main style='background: url(/inline)'>")), encoding="utf-8")
        _, console = self.browser.show(self.server.url + "jobs.html")
        self.assertGreaterEqual(len([line for line in console if "Content Security Policy" in line]), 5, console)
        self.browser.run("document.querySelector('form').submit()")
        self.assertEqual(self.server.paths, ["/jobs.html"])
        self.assertIn("background jobs", self.browser.run("return document.title"))


if __name__ == "__main__":
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        print("skipped: chromium and chromium-driver are not installed")
        sys.exit(77)
    unittest.main()
