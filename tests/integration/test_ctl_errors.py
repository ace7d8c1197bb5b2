# SPDX-License-Identifier: MIT
"""jobwatchctl where something is missing, refused or wrong: each has one message, and a status that scripts can use."""

import os
import pathlib
import re
import subprocess
import time
import unittest

from clock import Clock, LIBRARY as CLOCK_LIBRARY
from ctl_rig import CtlTest, Waiting
from harness import EX_IOERR, EX_NOPERM, EX_OK, EX_TIMEOUT, EX_UNAVAILABLE, EX_USAGE, PATIENCE

EX_UNKNOWN, EX_SOFTWARE = 66, 70
DBUS, OWN = "org.freedesktop.DBus.Error.", "org.jobwatchd1.Error."


NOWHERE = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}


def commands(text):
    """Those that --help lists."""
    return re.findall(r"(?m)^  ([a-z][a-z-]*) ", text)


class CommandLine(CtlTest):
    def test_a_misspelt_command_or_option_is_corrected(self):
        self.says(EX_USAGE, "unknown command 'lits': did you mean 'list'", "lits")
        self.says(EX_USAGE, "unknown option '--opne': did you mean '--open'", "list", "--opne")
        self.says(EX_USAGE, "unknown option '--tiemout=3s': did you mean '--timeout'", "wait", "5", "--tiemout=3s")
        self.says(EX_USAGE, "unknown command 'xyzzy'$", "xyzzy")
        for words in (("-x",), ("-xh",), ("list", "--open", "-xh"), ("history", "-n", "5", "-xn")):
            self.says(EX_USAGE, "unknown option '-x'", *words)

    def test_what_a_command_does_not_take_is_refused(self):
        self.says(EX_USAGE, "status: this command has no option --failed", "status", "--failed")
        self.says(EX_USAGE, "7: unexpected argument", "statuses", "7")
        self.says(EX_USAGE, "6: unexpected argument", "show", "5", "6")
        self.says(EX_USAGE, "5: unexpected argument", "retry", "--failed", "5")
        self.says(EX_USAGE, "--open=yes: this option takes no value", "list", "--open=yes")

    def test_missing_and_invalid_values(self):
        self.says(EX_USAGE, r"wait: ID\.\.\. is missing", "wait")
        self.says(EX_USAGE, "--timeout: the value of this option is missing", "wait", "5", "--timeout")
        self.says(EX_USAGE, "five: invalid job ID; use a number", "show", "five")
        self.says(EX_USAGE, "0: invalid job ID", "wait", "0")
        self.says(EX_USAGE, "--json xml: use off, short or pretty", "list", "--json=xml")
        self.says(EX_USAGE, "--since soon: use a form such as", "history", "--since=soon")
        self.says(EX_USAGE, "--timeout 0: invalid time span", "wait", "5", "--timeout=0")
        self.says(EX_USAGE, "--lines 0: use a number", "history", "-n", "0")
        self.says(EX_USAGE, "--name: only with one job", "add", "5", "6", "--name", "x")
        self.says(EX_USAGE, "--open and --ended exclude each other|--ended and --open exclude each other", "list",
                  "--open", "--ended")
        self.says(EX_USAGE, "command line: it is not valid UTF-8", "list", b"\xff".decode("utf-8", "surrogateescape"))

    def test_every_command_explains_itself_without_a_bus(self):
        text = self.out("--help", env=NOWHERE)
        for command in commands(text):
            for option in "--help", "-h":
                self.assertEqual(self.out(command, option, env=NOWHERE), text)
        self.assertEqual(self.out("help", env=NOWHERE), text)
        self.assertEqual(self.out("help", "list", env=NOWHERE), text)

    def test_every_long_word_is_corrected_if_a_letter_is_missing(self):
        text = self.out("--help", env=NOWHERE)
        for word in commands(text):
            if len(word) > 3:
                self.says(EX_USAGE, f"unknown command '.*': did you mean '{word}'", word[:1] + word[2:])
        for word in re.findall(r"(?m)^ +(?:-\w, )?--([a-z-]+)", text):
            if len(word) > 4:
                self.says(EX_USAGE, f"unknown option '--.*': did you mean '--{word}'", "list", "--" + word[:1] + word[2:])

    def test_every_command_refuses_options_of_others(self):
        text = self.out("--help", env=NOWHERE)
        of_command = {command: set(re.findall(r"--([a-z-]+)", line))
                      for command, line in re.findall(r"(?m)^  ([a-z][a-z-]*) (.*)$", text)}
        arguments = dict(re.findall(r"(?m)^ +(?:-\w, )?--([a-z-]+)=(\S+)", text))
        values = {"N": "1", "TIME": "1h", "SPAN": "1h", "ID": "1"}
        every = set().union(*of_command.values())
        self.assertGreater(len(every), 10)
        for command, own in of_command.items():
            for option in every - own:
                value = [values.get(arguments[option], "x")] if option in arguments else []
                self.says(EX_USAGE, f"{command}: this command has no option --{option}$", command, "--" + option, *value)

    def test_the_manual_has_the_exit_statuses(self):
        root = pathlib.Path(__file__).parents[2]
        manual = (root / "man/jobwatchctl.1").read_text(encoding="utf-8").split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
        listed = {int(number) for number in re.findall(r"(?m)^\.It (\d+)$", manual)}
        text = self.out("--help", env=NOWHERE).split("Exit status:")[1].split("Full documentation")[0]
        self.assertEqual({int(number) for number in re.findall(r"\b(\d+)\b", text)}, listed)
        self.assertEqual(listed, {0, 1, 2, 3, EX_USAGE, EX_UNKNOWN, EX_UNAVAILABLE, EX_SOFTWARE, EX_IOERR, EX_NOPERM,
                                  EX_TIMEOUT, 143})

    def test_help_and_version_need_no_bus(self):
        self.assertIn("  test-hook HOOK ", self.out("--help", env=NOWHERE))
        self.assertIn("Usage: jobwatchctl", self.out("list", "-h", env=NOWHERE))
        self.assertRegex(self.out("-V", env=NOWHERE), r"^jobwatchctl \d+\.\d+\.\d+\nLicense: MIT <https://.*>\n$")


class Missing(CtlTest):
    def test_without_a_bus(self):
        self.says(EX_UNAVAILABLE, "cannot connect to the system bus: No such file or directory; check that dbus.service",
                  "list", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})

    def test_without_a_service(self):
        for command in (["list"], ["status"], ["wait", "5"], ["add", "5"], ["metrics"]):
            self.says(EX_UNAVAILABLE,
                      "jobwatchd is not running: start it with 'systemctl start jobwatchd.service'", *command)
        self.says(EX_UNAVAILABLE, "jobwatchd is not running: start it with 'systemctl start jobwatchd@a-7.service'",
                  "list", "-i", "a-7")

    def test_a_service_that_leaves_the_bus_during_a_call(self):
        self.start_service("leave")
        self.says(EX_UNAVAILABLE, "jobwatchd did not reply: it has stopped or is stuck; see 'systemctl status jobwatchd",
                  "list")

    def test_a_wait_that_the_service_leaves_at_once_goes_on(self):
        self.start_service("leave")
        waiting = Waiting(self, 5)
        self.wait_until(lambda: self.bus.run("status", "org.jobwatchd1").returncode != 0)
        self.start_service("error", OWN + "NoSuchJob", "no such job")
        self.assertEqual(waiting.end(), (EX_UNKNOWN, "jobwatchctl: no such job\n"))

    def test_a_service_that_is_stopping(self):
        """It has no object any more, and is about to give up its name."""
        self.start_service("error", DBUS + "UnknownObject", "Unknown object.")
        self.says(EX_UNAVAILABLE, "jobwatchd is not running", "list")

    def test_the_bus_is_lost_while_waiting(self):
        self.start_service("silent")
        waiting = Waiting(self, 5)
        self.bus.stop()
        status, text = waiting.end()
        self.assertEqual(status, EX_UNAVAILABLE, text)
        self.assertIn("the connection to the system bus was lost", text)

    def test_a_service_that_does_not_reply_ends_with_the_timeout(self):
        self.start_service("silent")
        began = time.monotonic()
        self.says(EX_TIMEOUT, "the time of --timeout has passed", "wait", "5", "--timeout=300ms")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)


    @unittest.skipUnless(CLOCK_LIBRARY, "the library cannot be loaded into a program with a sanitizer")
    def test_a_password_may_be_typed_as_late_as_polkit_permits(self):
        """What happens then must not have been reported as failed."""
        for command, seconds, status in (("remove", 295, EX_OK), ("poll", 295, EX_OK), ("retry", 295, EX_OK),
                                         ("drop", 295, EX_OK), ("drop", 400, EX_UNAVAILABLE),
                                         ("show", 200, EX_UNAVAILABLE)):
            with self.subTest(command, seconds=seconds):
                clock = Clock(self.directory / "clock")
                service = self.start_service("late", clock.path, str(seconds))
                done = self.ctl(command, "5", env=clock.env)
                service.kill()
                service.wait()
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual("did not reply" in done.stderr, status != EX_OK)


class Refused(CtlTest):
    def test_by_the_policy_of_the_bus(self):
        """As for a user who is not in the group: the message comes from the bus, the service knows nothing."""
        self.bus.stop()
        user = str(os.getuid())
        self.bus.__init__(self.directory, f'<policy user="{user}"><deny send_destination="org.jobwatchd1" '
                                          'send_interface="org.jobwatchd1.Manager"/></policy>')
        self.start_service("wrong")
        self.says(EX_NOPERM, "access denied by the system bus: only root and members of the group jobwatchd", "list")
        self.says(EX_NOPERM, "access denied by the system bus", "wait", "5")

    def test_by_polkit(self):
        self.start_service("error", DBUS + "AccessDenied", "Not authorized.")
        self.says(EX_NOPERM, r"not permitted: Not authorized; run this as root, or see polkit\(8\)", "remove", "5")

    def test_by_polkit_that_would_ask(self):
        self.start_service("error", DBUS + "InteractiveAuthorizationRequired", "x")
        self.says(EX_NOPERM, "not permitted: polkit asks for authentication; run this as root", "poll",
                  "--no-ask-password")


class Metrics(CtlTest):
    def test_they_are_printed_as_they_come(self):
        self.start_service("wrong")
        self.assertEqual(self.out("metrics"), "wrong")


class Errors(CtlTest):
    def test_what_the_service_says_is_passed_on_with_a_status(self):
        for name, status in {OWN + "NoSuchJob": EX_UNKNOWN, OWN + "NoSuchHook": EX_UNKNOWN,
                             OWN + "NoSuchDelivery": EX_UNKNOWN, OWN + "Standby": EX_UNAVAILABLE,
                             OWN + "Busy": EX_UNAVAILABLE, OWN + "StateUnavailable": EX_IOERR,
                             OWN + "ApiUnavailable": EX_UNAVAILABLE, DBUS + "InvalidArgs": EX_USAGE}.items():
            with self.subTest(name):
                service = self.start_service("error", name, "What happened: the cause.\x1b")
                self.says(status, r"What happened: the cause\.\\x1b$", "show", "5")
                service.kill()
                service.wait()

    def test_unknown_errors_are_named(self):
        self.start_service("error", "com.example.Odd", "It is odd.")
        self.says(EX_UNAVAILABLE, "jobwatchd failed: com.example.Odd: It is odd$", "statuses")

    def test_a_method_that_the_service_does_not_have(self):
        self.start_service("error", DBUS + "UnknownMethod", "Unknown method.")
        self.says(EX_UNAVAILABLE, "this jobwatchd does not know the command: it is older", "metrics")

    def test_a_reply_of_another_type(self):
        self.start_service("wrong")
        for command in (["list"], ["show", "5"], ["history"], ["status"], ["deliveries"], ["wait", "5"], ["add", "5"],
                        ["test-hook", "x"]):
            self.says(EX_SOFTWARE, "unexpected reply: jobwatchd and jobwatchctl are not of the same version", *command)

    def test_a_list_that_repeats_itself(self):
        self.start_service("repeat")
        for command in (["list"], ["history"], ["history", "5"], ["deliveries"], ["wait", "5"]):
            self.says(EX_SOFTWARE, "unexpected reply", *command)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(**self.command("--help"), stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr),
                         (EX_IOERR, "jobwatchctl: cannot write to standard output: No space left on device\n"))


if __name__ == "__main__":
    unittest.main()
