#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pictures in README.md are what users see. PICTURES names a directory to put new ones into; see docs/pictures/make.

Times differ each time, so they are not compared, nor what depends on them: the places of bars and of marks on the axis."""

import os
import pathlib
import re
import time
import unittest
import xml.etree.ElementTree
from xml.sax.saxutils import escape

from report_rig import SVG, Reports, parse_svg
from screen_rig import Screen

ROOT = pathlib.Path(__file__).resolve().parents[2]
BYTES_MAX = 20_000
COLUMNS = 104
MINUTE = 60_000_000

# Minutes ago: when a job was first seen, began to run and ended; how, and with which result.
ENDED = {
    87654311: ("Import of members", (430, 425, 398), "Completed", '{"rows": 372, "done": 372}'),
    87654312: ("Import of rooms", (400, 399, 391), "Completed", "18 rooms"),
    87654313: ("Bulk edit of tariffs", (350, 349, 340), "Completed", "9 tariffs changed"),
    87654314: ("Import of members", (310, 304, 277), "Completed", '{"rows": 390, "done": 390}'),
    87654315: ("Import of invoices", (250, 248, 215), "Failed", 'Row 8: unknown customer "Initech"'),
    87654316: ("Import of invoices", (200, 195, 150), "Completed", "88 invoices"),
    87654317: ("Import of members", (160, 150, 121), "Completed", '{"rows": 398, "done": 398}'),
    87654318: ("Import of bookings", (95, 94, 70), "Completed", "18 bookings"),
}
OPEN = {
    87654321: ("Import of members", (18, 16), "Running", '{"rows": 400, "done": 260}'),
    87654322: ("Bulk edit of tariffs", (6, 5), "Running", ""),
    87654323: ("Import of invoices", (31, 30), "Running", ""),
    87654324: ("Import of bookings", (3,), "Queued", ""),
}

STYLE = """\
text{font:13px ui-monospace,SFMono-Regular,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1b2330;white-space:pre}
.paper{fill:#f6f8fa;stroke:#d0d7de}.prompt{fill:#5a6678}.bold{font-weight:600}
.red{fill:#b3261e}.green{fill:#17733f}.yellow{fill:#7d5700}
@media(prefers-color-scheme:dark){text{fill:#e7ebf2}.paper{fill:#161b23;stroke:#2d3643}.prompt{fill:#9aa7ba}
.red{fill:#ff9a93}.green{fill:#5fd39b}.yellow{fill:#e8c268}}
"""
COLOURS = {"1": "bold", "31": "red", "32": "green", "33": "yellow"}
CHARACTER, LINE, EDGE = 7.8, 19, 16


def parts_of(line):
    """(class, text) of what has one colour."""
    colour = ""
    for code, text in re.findall("(?:\033\\[([0-9;]*)m)?([^\033]*)", line):
        colour = COLOURS.get(code, "") if code or "\033" in line else colour
        if text:
            yield colour, text


def svg_of_screen(command, picture):
    """A terminal that shows this. Its text is as wide as on a terminal, whatever the font."""
    lines = [[("prompt", "$ "), ("", command)], []] + [list(parts_of(line)) for line in picture.rstrip("\n").split("\n")]
    width, height = EDGE * 2 + COLUMNS * CHARACTER, EDGE * 1.5 + len(lines) * LINE
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
           f'role="img" aria-label="{command}">', f"<title>{command}</title><style>{STYLE}</style>",
           f'<rect class="paper" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="6"/>']
    for place, parts in enumerate(lines):
        length = len("".join(text for _, text in parts).rstrip())
        if length > 0:
            spans = "".join(f'<tspan class="{colour}">{escape(text)}</tspan>' if colour else escape(text) for colour, text in parts)
            svg.append(f'<text x="{EDGE}" y="{EDGE + 10 + place * LINE}" textLength="{length * CHARACTER:.1f}" '
                       f'xml:space="preserve">{spans.rstrip()}</text>')
    return "\n".join(svg + ["</svg>", ""])


def comparable(text):
    """What it shows, without times."""
    root = xml.etree.ElementTree.fromstring(text)
    found = [" ".join("".join(element.itertext()).split()) for element in root.iter()
             if element.tag in (SVG + "title", SVG + "text", SVG + "style")]
    found += [element.get("class") for element in root.iter() if element.tag in (SVG + "circle", SVG + "tspan")]
    for pattern, name in ((r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"), (r"\b\d+(h|min|s)( \d+(min|s))?(?= |$)", "SPAN")):
        found = [re.sub(pattern, name, line) for line in found]
    return [line for line in found if not re.fullmatch(r"\d\d:\d\d|\d+ [A-Z][a-z]{2}", line)]


class Pictures(Reports):
    def start_all(self):
        jobs = {**ENDED, **OPEN}
        self.start("".join(f"[job {job}]\ndescription = {what[0]}\nstep = 0s Queued\n" for job, what in jobs.items()), list(jobs))
        self.wait_until(lambda: all(job["Observed"] for job in self.json("list")))
        self.set_status({job: ("Running", "") for job, (_, _, status, _) in jobs.items() if status != "Queued"})
        self.set_status({job: (status, result) for job, (_, _, status, result) in jobs.items() if result})
        now = time.time_ns() // 1000
        self.date({job: [now - minutes * MINUTE for minutes in times] for job, (_, times, _, _) in jobs.items()})

    def set_status(self, jobs):
        for job, (status, result) in jobs.items():
            self.fake.job(job, result or None, status=status)
        self.wait_until(lambda: all((row["Status"], row.get("Result", "")) == jobs[row["Id"]] for row in self.json("list") if row["Id"] in jobs))

    def check(self, name, made):
        path = f"docs/pictures/{name}.svg"
        if os.environ.get("PICTURES"):
            pathlib.Path(os.environ["PICTURES"], name + ".svg").write_text(made, encoding="utf-8")
        committed = (ROOT / path).read_text(encoding="utf-8")
        self.assertEqual(comparable(committed), comparable(made), "run docs/pictures/make")
        self.assertLess(len(committed.encode()), BYTES_MAX)
        self.assertIn("@media(prefers-color-scheme:dark)", committed)
        shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
        self.assertIn(path, shown)

    def test_pictures_of_the_readme(self):
        self.start_all()
        screen = Screen(self, columns=COLUMNS)
        screen.wait_for("4 open, 0 ended")
        self.set_status({87654322: ("Completed", "12 tariffs changed"), 87654323: ("Failed", 'Row 17: unknown customer "ACME"')})
        screen.wait_for("2 open, 2 ended", " 65%", "~", "Row 17", "12 tariffs changed")
        self.check("watch", svg_of_screen("jobwatchctl watch", screen.picture()))
        self.timeline()
        made = self.file.read_text(encoding="utf-8")
        parse_svg(made)
        self.check("timeline", made)


if __name__ == "__main__":
    unittest.main()
