# SPDX-License-Identifier: MIT
"""What `jobwatchctl timeline` and `report` write: jobs to draw, and parsers that are not ours."""

import base64
import contextlib
import hashlib
import re
import sqlite3
import time
import xml.etree.ElementTree
from html.parser import HTMLParser

from ctl_rig import CtlTest

SVG = "{http://www.w3.org/2000/svg}"
SVG_ELEMENTS = {"svg", "g", "title", "style", "rect", "text", "circle", "path"}
SVG_ATTRIBUTES = {"class", "x", "y", "width", "height", "rx", "cx", "cy", "r", "d", "transform", "viewBox", "role", "aria-label",
                  "aria-hidden", "text-anchor"}
HTML_ELEMENTS = {"html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p", "time", "section", "div", "ul",
                 "li", "b", "span", "small", "bdi", "table", "thead", "tbody", "tr", "th", "td", "footer"} | SVG_ELEMENTS
HTML_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "datetime", "scope", "role", "data-name"}
VOID = {"meta"}

HOSTILE = ("</title></style></script></svg><script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>"
           "<svg onload=alert(3)><a href=\"javascript:alert(4)\" style='position:fixed'>&amp;&lt;&#x3c;script&#62; ]]> <!-- --> <?xml?>"
           "\u202e\u2066\ufeff\ufffe\u0001\u007f\u0085 anna.smith@example.com")

WORDS = ("Import of members", "Bulk edit of tariffs", "Import of invoices", "Export of bookings to accounting",
         "Import of rooms", "Update of price plans for 2026", "Import of coworkers from the old system", "Delete of old visitors")


def parse_svg(text):
    """The root, having checked that it is a picture and nothing else."""
    root = xml.etree.ElementTree.fromstring(text)
    for element in root.iter():
        name = element.tag.removeprefix(SVG)
        assert element.tag.startswith(SVG) and name in SVG_ELEMENTS, element.tag
        assert set(element.attrib) <= SVG_ATTRIBUTES, element.attrib
    return root


def rows_of(root):
    """The rows of a picture: dicts of what is shown for a job, and the rectangles of its bar."""
    rows = []
    for group in root.findall(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is None:
            continue  # a sign of the legend
        rows.append({"title": title.text, "label": group.find(f"{SVG}svg/{SVG}text").text,
                     "kind": group.find(f"{SVG}g/{SVG}circle").get("class"),
                     "y": float(group.find(f"{SVG}svg").get("y")),
                     "texts": [text.text for text in group.findall(f"{SVG}text")],
                     "bars": [(rect.get("class"), float(rect.get("x")), float(rect.get("x")) + float(rect.get("width")))
                              for rect in group.findall(f"{SVG}rect")]})
    return rows


class Page(HTMLParser):
    """A page, having checked that it consists of harmless elements that are nested well."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.policy, self.style, self.metas = [], None, "", {}
        self.texts, self.rows, self.cell = [], [], None
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        inside_svg = "svg" in self.open or tag == "svg"
        allowed = {name.lower() for name in SVG_ATTRIBUTES} | {"xmlns"} if inside_svg else HTML_ATTRIBUTES
        assert tag in (SVG_ELEMENTS if inside_svg else HTML_ELEMENTS) and names <= allowed, (tag, attrs)
        attributes = dict(attrs)
        if tag == "meta":
            self.metas[attributes.get("http-equiv") or attributes.get("name") or "charset"] = attributes.get("content")
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_pi(self, data):
        raise AssertionError(data)

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_data(self, data):
        if "style" in self.open:
            self.style += data
        elif "svg" not in self.open:
            self.texts.append(data)
            if "td" in self.open:
                self.rows[-1][-1] += data

    @property
    def text(self):
        return "".join(self.texts)

    def jobs(self):
        """The cells of each job: [name and ID, status, time, span, result]."""
        return [row for row in self.rows if row]

    def digest(self):
        return "sha256-" + base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()

    def policies(self):
        return dict(part.strip().split(" ", 1) for part in self.metas["Content-Security-Policy"].split(";"))


def is_open(i, count):
    return i % 8 == 7 or i == count - 1


def scenario(count):
    """So many jobs, and their numbers: of eight the last one, and the last of all, are open; some of the others fail."""
    text, jobs = "", [87650000 + i for i in range(count)]
    for i, job in enumerate(jobs):
        text += f"[job {job}]\ndescription = {WORDS[i % len(WORDS)]}\nstep = 0s Queued\n"
        if not is_open(i, count):
            end = f"Failed | Row {i}: no such price plan" if i % 7 == 1 else f'Completed | {{"rows": {i}, "done": {i}}}'
            text += f"step = 1s Running\nstep = 2s {end}\n"
        elif i % 16 != 15:
            text += f'step = 1s Running | {{"rows": {count}, "done": {i // 2}}}\n'
    return text, jobs


class Reports(CtlTest):
    def setUp(self):
        super().setUp()
        self.file = self.directory / "out"

    def start_many(self, count, **config):
        text, jobs = scenario(count)
        self.start(text, jobs, poll={"interval": "300ms", "max_interval": "300ms", "batch": "auto"}, **config)
        self.wait_until(lambda: len(self.json("list", "--ended")) == len([i for i in range(count) if not is_open(i, count)]))
        return jobs

    def date(self, times):
        """As if the events of each job had happened at these times: {job: microseconds}."""
        self.daemon.process.terminate()
        self.daemon.wait_exit()
        with contextlib.closing(sqlite3.connect(self.state / "jobwatchd.db")) as state, state:
            for job, of_job in times.items():
                events = [row[0] for row in state.execute("SELECT sequence FROM events WHERE job = ? ORDER BY sequence", (job,))]
                for sequence, at in zip(events, of_job):
                    state.execute("UPDATE events SET time_us = ? WHERE sequence = ?", (at, sequence))
                state.execute("UPDATE jobs SET first_us = ?, changed_us = ? WHERE id = ?",
                              (of_job[0], of_job[min(len(events), len(of_job)) - 1], job))
        self.start_again()

    def spread(self, hours=20):
        """As if the jobs had begun one after another in the last hours, and each had waited and run for some time."""
        now, jobs, times = time.time_ns() // 1000, sorted(job["Id"] for job in self.json("list")), {}
        distance = hours * 3_600_000_000 // (len(jobs) + 1)
        for place, job in enumerate(jobs):
            begin = now - (len(jobs) - place) * distance
            end = min(begin + distance * (place % 5 + 1), now - 60_000_000)
            times[job] = (begin, begin + (end - begin) // 5, end)
        self.date(times)

    def timeline(self, *words, **how):
        self.out("timeline", *words, "-o", self.file, **how)
        return parse_svg(self.file.read_text(encoding="utf-8"))

    def report(self, *words, **how):
        self.out("report", *words, "-o", self.file, **how)
        return Page(self.file.read_text(encoding="utf-8"))
