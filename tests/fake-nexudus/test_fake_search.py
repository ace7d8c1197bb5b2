#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The search of fake-nexudus: its order with many jobs, and what can be wrong with a page.

As test_fake_nexudus.py, over real sockets.
"""

import datetime
import time
import unittest

from test_fake_nexudus import JOBS, FakeTest


def when(job, field="UpdatedOn"):
    return datetime.datetime.fromisoformat(job[field][:26])


class SearchTest(FakeTest):
    def page(self, number=1, size=25, order="UpdatedOn", direction=-1):
        answer = self.ask("%s?page=%d&size=%d&orderBy=%s&dir=%d" % (JOBS, number, size, order, direction))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def rows(self, *arguments, **options):
        return self.page(*arguments, **options)["Records"]

    def ids(self, *arguments, **options):
        return [row["Id"] for row in self.rows(*arguments, **options)]

    def server(self, text):
        self.control("PUT", "server", text.encode())

    def change(self, id, query="status=Running"):
        self.control("PUT", "job/%d?%s" % (id, query))

    def add(self, text):
        self.control("PUT", "jobs", text.encode())


class Order(SearchTest):
    def test_each_change_moves_a_job_to_the_front(self):
        self.start("[jobs 1-30]\n")
        self.assertEqual(self.ids(size=3), [30, 29, 28])
        for id in (5, 30, 5, 1):
            before = when(self.job(id))
            self.change(id)
            self.assertGreater(when(self.job(id)), before)
            self.assertEqual(self.ids(size=1), [id])
        self.assertEqual(self.ids(size=5), [1, 5, 30, 29, 28])
        self.assertEqual(self.ids(size=3, order="CreatedOn"), [30, 29, 28])
        self.assertEqual(sorted(self.ids(size=50)), list(range(1, 31)))

    def test_jobs_that_go_and_come(self):
        self.start("[jobs 1-5]\n")
        self.change(3, "gone=1")
        page = self.page()
        self.assertEqual(([row["Id"] for row in page["Records"]], page["TotalItems"]), ([5, 4, 2, 1], 4))
        self.change(3)
        self.change(9, "status=New")
        self.assertEqual(self.ids(), [9, 3, 5, 4, 2, 1])
        self.assertEqual(self.ids(order="CreatedOn"), [9, 5, 4, 3, 2, 1])

    def test_ascending_is_the_reverse(self):
        self.start("[jobs 1-20]\nspread = 1d\nstep = 0s Running\n")
        for id in (3, 8, 2):
            self.change(id)
        self.assertEqual(self.ids(direction=1), self.ids()[::-1])
        self.assertEqual(self.ids(2, 7), self.ids()[7:14])

    def test_steps_by_time_are_found_without_a_read(self):
        self.start("[jobs 1-200]\nspread = 100ms\nstep = 0s A\nstep = 20ms B\nstep = 40ms C\n")
        seen, deadline = {}, time.monotonic() + 10
        while set(seen.values()) != {"C"} or len(seen) < 200:
            self.assertLess(time.monotonic(), deadline)
            rows = self.rows(size=200)
            self.assertEqual([when(row) for row in rows], sorted((when(row) for row in rows), reverse=True))
            seen = {row["Id"]: row["Status"] for row in rows}
        self.assertEqual(self.ids(size=3), [200, 199, 198])

    def test_a_page_of_100000_jobs_is_quick(self):
        self.start("[jobs 1-100000]\nstep = 0s Running\n")
        self.assertEqual(len(self.ids(size=100)), 100)
        took = []
        for id in range(1, 21):
            self.change(50000 + id)
            begun = time.monotonic()
            self.assertEqual(self.ids(200, 100)[0], 100000 - 19900 + id)
            took.append(time.monotonic() - begun)
        self.assertEqual(self.ids(size=1), [50020])
        self.assertLess(sorted(took)[10], 0.1) # about 2 ms; a sort of all jobs takes half a second


class NewJobs(SearchTest):
    def test_jobs_that_have_not_changed_since_they_were_created(self):
        self.start("[jobs 1-5]\nstatus = In progress\nstep = 1h Done\n[jobs 11-20]\ncreated = 5s\n")
        for row in self.rows():
            self.assertEqual(row["CreatedOn"], row["UpdatedOn"])
            self.assertEqual(row["Status"], "In progress" if row["Id"] < 10 else None)
        created = [when(row, "CreatedOn") for row in self.rows(order="CreatedOn")]
        self.assertEqual({a - b for a, b in zip(created[:9], created[1:])}, {datetime.timedelta(seconds=0.5)})
        self.assertEqual({a - b for a, b in zip(created[10:], created[11:])}, {datetime.timedelta(seconds=1)})

    def test_jobs_of_a_range_were_created_some_time_apart_and_have_results(self):
        self.start("[jobs 1-10]\ncreated = 30d\napart = 2h\nstatus = Running\nresult = {\"done\": 1}\n")
        rows = self.rows(order="CreatedOn")
        created = [when(row, "CreatedOn") for row in rows]
        self.assertEqual({a - b for a, b in zip(created, created[1:])}, {datetime.timedelta(hours=2)})
        self.assertEqual({row["ResultData"] for row in rows}, {'{"done": 1}'})

    def test_jobs_appear(self):
        self.start("[jobs 1-3]\n[jobs 10-12]\nappears = 50ms\nspread = 30ms\nstep = 1h Done\ndescription = late\n")
        begun = time.monotonic()
        while self.ask(JOBS + "/12").status != 200:
            self.assertLess(time.monotonic(), begun + 10)
        self.assertEqual(self.ids(), [12, 11, 10, 3, 2, 1])
        rows = self.rows(order="CreatedOn")[:3]
        self.assertEqual([(row["Id"], row["Status"], row["Description"]) for row in rows],
                         [(12, None, "late"), (11, None, "late"), (10, None, "late")])
        self.assertEqual(when(rows[0], "CreatedOn") - when(rows[2], "CreatedOn"), datetime.timedelta(milliseconds=20))
        self.assertEqual(rows[0]["CreatedOn"], rows[0]["UpdatedOn"])

    def test_jobs_are_added_by_a_control_request(self):
        self.start("[job 1]\nstep = 0s Done\n")
        self.add("[jobs 7-8]\ncreated = 0s\nbusiness_id = 5\ndescription = Import %i\nstep = 0s Queued\nstep = 1h Done\n"
                 "[job 1]\nstep = 0s Again\n")
        self.assertEqual([(row["Id"], row["Status"]) for row in self.rows()], [(8, "Queued"), (7, "Queued"), (1, "Again")])
        self.assertEqual((self.job(7)["Description"], self.job(7)["BusinessId"]), ("Import 7", 5))
        self.assertEqual(self.ids(order="CreatedOn"), [8, 7, 1])
        for text in (b"[server]\ntoken = x", b"[fault f]", b"[job 3]\ncolour = red"):
            self.assertEqual(self.ask("/_control/jobs", "PUT", text, token=None).status, 400)

    def test_step_times_of_added_jobs_count_from_the_request(self):
        self.start("[job 1]\n")
        self.add("[job 2]\ncreated = 0s\nstep = 50ms Done\n")
        begun = time.monotonic()
        while self.job(2)["Status"] is None:
            self.assertLess(time.monotonic(), begun + 10)
        self.assertEqual(when(self.job(2)) - when(self.job(2), "CreatedOn"), datetime.timedelta(milliseconds=50))


class Times(SearchTest):
    def test_updated_on_can_lie_back(self):
        self.start("[jobs 1-3]\n")
        self.change(1)
        self.change(2, "status=Done&updated_ago=10s")
        self.assertEqual(self.ids(), [1, 2, 3])
        behind = when(self.job(1)) - when(self.job(2))
        self.assertTrue(datetime.timedelta(seconds=9) < behind < datetime.timedelta(seconds=11), behind)

    def test_late_changes_keep_their_time(self):
        self.start("[jobs 1-50]\nlate = 200ms\nstep = 0s Running\n")
        begun = time.monotonic()
        first = {row["Id"] for row in self.rows(size=50) if row["Status"] == "Running"}
        self.assertLess(len(first), 50)
        while any(row["Status"] is None for row in self.rows(size=50)):
            self.assertLess(time.monotonic(), begun + 10)
        self.assertEqual(len({row["UpdatedOn"] for row in self.rows(size=50)}), 1)

    def test_second_clock(self):
        self.start("[jobs 1-2]\nsecond_clock = 1h\nstep = 0s A\nstep = 0s B\n")
        self.assertEqual(self.job(1)["Status"], "B")
        late = when(self.job(1))
        self.change(1)
        self.assertGreater(when(self.job(1)) - late, datetime.timedelta(minutes=59))
        self.assertEqual(self.ids(), [1, 2])

    def test_frozen(self):
        self.start("[jobs 1-3]\nstep = 0s Running\n")
        before = self.rows()
        self.server("frozen = yes")
        self.change(1, "status=Done")
        self.assertEqual([row["UpdatedOn"] for row in self.rows()], [row["UpdatedOn"] for row in before])
        self.assertEqual([row["Status"] for row in self.rows()], ["Running", "Running", "Done"])
        self.server("frozen = no")
        self.change(1)
        self.assertEqual(self.ids(size=1), [1])

    def test_touch(self):
        self.start("[jobs 1-9]\nstep = 0s Running\n")
        before = self.job(4)
        self.control("PUT", "touch/3-5")
        self.control("PUT", "touch/7")
        self.assertEqual(self.ids()[:4], [7, 5, 4, 3])
        self.assertEqual({**self.job(4), "UpdatedOn": before["UpdatedOn"]}, before)
        for range in ("", "x", "5-3", "1-5000000"):
            self.assertNotEqual(self.ask("/_control/touch/" + range, "PUT", token=None).status, 200)

    def test_dates_of_whole_seconds(self):
        self.start("[jobs 1-2]\ndates = z\nstep = 0s Running\n")
        self.assertRegex(self.rows()[0]["UpdatedOn"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


class Pages(SearchTest):
    def test_values_of_dir(self):
        self.start("[jobs 1-3]\n")
        up, down = [1, 2, 3], [3, 2, 1]
        for setting, orders in (("", (down, down, up)), ("-1", (down, up, up)), ("1", (up, up, down)), ("0", (up, down, up)),
                                ("none", (up, up, up)), ("-1, 0, 1", (down, down, down))):
            self.server("search_descending = " + setting)
            self.assertEqual(tuple(self.ids(direction=value) for value in (-1, 0, 1)), orders, setting)

    def test_unsorted(self):
        self.start("[jobs 1-50]\n")
        self.server("search_unsorted = yes")
        ids = self.ids(1, 30) + self.ids(2, 30)
        self.assertEqual(sorted(ids), list(range(1, 51)))
        self.assertNotIn(ids[:30], (sorted(ids[:30]), sorted(ids[:30], reverse=True)))

    def test_pages_that_do_not_advance(self):
        self.start("[jobs 1-9]\n")
        self.server("search_pages = first")
        page = self.page(3, 2)
        self.assertEqual(([row["Id"] for row in page["Records"]], page["CurrentPage"]), ([9, 8], 1))
        self.server("search_pages = repeated")
        page = self.page(3, 2)
        self.assertEqual(([row["Id"] for row in page["Records"]], page["CurrentPage"]), ([9, 8], 3))
        self.server("search_pages = all")
        self.assertEqual(self.ids(3, 2), [5, 4])

    def test_fields_that_are_left_out(self):
        self.start("[jobs 1-2]\nstep = 0s Done | r\n")
        self.server("search_omit = BusinessId, Status, ResultData, UpdatedOn, CustomFields, TotalItems, HasNextPage")
        page = self.page()
        for name in ("BusinessId", "Status", "ResultData", "UpdatedOn", "CustomFields"):
            self.assertNotIn(name, page["Records"][0])
        self.assertIn("BusinessName", page["Records"][0])
        self.assertNotIn("TotalItems", page)
        self.assertNotIn("HasNextPage", page)
        self.assertEqual(page["CurrentPage"], 1)
        self.assertEqual((self.job(1)["Status"], self.batch([1])[0]["ResultData"]), ("Done", "r"))
        self.server("search_omit =")
        self.assertEqual(self.rows()[0]["Status"], "Done")

    def test_rows_of_one_job(self):
        self.start("[jobs 1-9]\n[job 5]\nsearch_row = broken\n[job 3]\nsearch_row = error\n[job 2]\nsearch_row = missing\n")
        for id in range(1, 10):
            self.change(id)
        self.assertEqual(sum("Id" not in row for row in self.rows(1, 5)), 1)
        self.assertEqual(self.ask(JOBS + "?page=2&size=5&orderBy=UpdatedOn&dir=-1").status, 500)
        self.assertEqual(self.page(1, 5)["TotalItems"], 8)
        for id in (2, 3, 5):
            self.assertEqual(self.job(id)["Id"], id)

    def test_a_row_shows_its_job_before_the_read(self):
        self.start("[jobs 1-3]\nstep = 0s A\nstep = poll 1 B\n")
        self.assertEqual([row["Status"] for row in self.rows()], ["A", "A", "A"])
        self.assertEqual([row["Status"] for row in self.rows(size=2)], ["B", "B"])
        self.assertEqual(self.job(1)["Status"], "B")

    def test_large_rows(self):
        self.start("[jobs 1-9]\n[job 5]\nresult_size = 1M\nstep = 0s Done | x\n")
        self.assertEqual(len(self.rows(size=1)[0]["ResultData"].encode()), 1 << 20)

    def test_the_role_of_the_search(self):
        self.start("[job 1]\n", "token = t0ken\nroles = read")
        self.assertEqual(self.ask(JOBS + "?page=1").status, 401)
        self.assertEqual(self.job(1)["Id"], 1)


if __name__ == "__main__":
    unittest.main()
