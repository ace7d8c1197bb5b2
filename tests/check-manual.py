#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the manual pages say what the program knows: every key of the configuration with its default, every
option and exit status, every event, variable, field of the journal and of the document; and nothing that it does not.
Options and exit statuses are also compared with --help and README.md, commands and options of jobwatchctl with its
manual and with what the shells complete. Links in README.md and docs/ have to lead somewhere.

usage: check-manual.py SOURCE_ROOT | --self-test
"""

import pathlib
import re
import sys

SECTION = re.compile(r"\.Ss \[(\w+)(?: NAME)?\]")
C_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
ROW = re.compile(r'KEY\((\w+), "(\w+)", \w+\)(.*?)(?=KEY\(|\Z)', re.S)
DEFAULT = re.compile(r'DEFAULT\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')


def keys_of_table(source):
    """{(section, key): default or ""}."""
    found = {}
    for section, name, rest in ROW.findall(source):
        default = DEFAULT.search(rest)
        found[section.lower(), name] = "".join(C_STRING.findall(default.group(1))) if default else ""
    return found


def keys_of_manual(page):
    found, section, names = {}, None, []
    for line in re.sub(r"\n(?=[^.])(?!Default: )", " ", page).splitlines():
        if SECTION.match(line):
            section = SECTION.match(line).group(1)
        elif line.startswith(".Sh "):
            section = None
        elif section is not None and line.startswith(".It Ic "):
            name = line.split()[2]
            found[section, name] = ""
            names.append(name)
        elif line.startswith("Default: "):
            found[section, names[-1]] = line[len("Default: "):]
    return found


def words(text, pattern):
    return set(re.findall(pattern, text))


def compare(what, known, said, where="the manual"):
    return [f"{what}: {name} is not in {where}" for name in sorted(known - said)] + \
           [f"{what}: {where} has {name}, which does not exist" for name in sorted(said - known)]


def help_of(source):
    """The text of print_help()."""
    body = source[source.index("static void print_help"):source.index("static void print_version")]
    return "".join(C_STRING.findall(body)).replace("\\n", "\n")


def commands_of(source):
    """{command: set of its options as bits} of jobwatchctl."""
    return {name: set(re.findall(r"OPTION_\w+", re.search(r"\.options = ([^,]*),|$", row).group(1) or ""))
            for name, row in re.findall(r'\.name = "([a-z-]+)",(.*?\.run =)', source, re.S)}


def options_of(source):
    """{option: its bit, "0" if it is one of all commands} of jobwatchctl."""
    return dict(re.findall(r'\{ "([a-z-]+)", [^,]+, [^,]+, (\w+),', source))


def options_of_completion(script):
    """{command: set of its options} of the completion for bash."""
    return {name: set(re.findall(r"--([a-z-]+)", options))
            for name, options in re.findall(r"(?m)^ +\[([a-z-]+)\]='(.*)'$", script)}


def check_ctl(source):
    manual, script = source("man/jobwatchctl.1"), source("completion/jobwatchctl.bash")
    commands, options = commands_of(source("ctl/command.c")), options_of(source("ctl/arguments.c"))
    problems = compare("command", set(commands), words(manual, r"(?m)^\.It Cm ([a-z-]+)"))
    problems += compare("option", set(options), words(manual, r"\.It Fl (?:\w , Fl )?-([a-z-]+)"))
    statuses = {match if match.isdigit() else str(SYSEXITS[match])
                for match in words(source("ctl/exit_status.h"), r"= (EXIT_SUCCESS|EX_\w+|\d+),")}
    problems += compare("exit status", statuses, words(manual, r"(?m)^\.It (\d+)$"))
    footer = re.search(r"Exit status: .*?documentation", source("ctl/arguments.c"), re.S).group()
    problems += compare("exit status", statuses, words(footer, r"(?:[:;] |\")(\d+) "), "--help")

    completed = options_of_completion(script)
    for name in sorted(commands):
        of_command = {option for option, bit in options.items() if bit in commands[name]}
        problems += compare(f"option of {name}", of_command, completed.get(name, set()), "the completion for bash")
    general = {option for option, bit in options.items() if bit == "0"}
    problems += compare("option", general, words(re.search("local options='(.*)'", script).group(1), "--([a-z-]+)"),
                        "the completion for bash")
    zsh = source("completion/_jobwatchctl")
    problems += compare("command", set(commands), words(zsh, r"(?m)^        '([a-z-]+):"), "the completion for zsh")
    problems += compare("option", set(options), words(zsh, r"--([a-z-]+)"), "the completion for zsh")
    return problems


def check(root):
    source = lambda path: (root / path).read_text(encoding="utf-8")
    service, keys, hooks = source("man/jobwatchd.8"), source("man/jobwatchd.ini.5"), source("man/jobwatchd-hooks.7")
    problems = []

    table, manual = keys_of_table(source("daemon/config/key_table.c")), keys_of_manual(keys)
    name = lambda key: f"[{key[0]}] {key[1]}"
    problems += compare("key", set(map(name, table)), set(map(name, manual)))
    for key in sorted(set(table) & set(manual)):
        if table[key] != manual[key]:
            problems.append(f"{name(key)}: the default is {table[key]!r}, the manual says {manual[key]!r}")

    options = source("daemon/main.c")
    known = words(options, r'\{ "([a-z-]+)",')
    problems += compare("option", known, words(service, r"\.It Fl (?:\w , Fl )?-([a-z-]+)"))
    help_text = help_of(options)
    problems += compare("option", known, words(help_text, r"(?m)^  (?:   |-\w,) --([a-z-]+)"), "--help")
    statuses = {match if match.isdigit() else str(SYSEXITS[match])
                for match in words(source("daemon/app/exit_status.h"), r"= (EXIT_SUCCESS|EX_\w+|\d+),")}
    problems += compare("exit status", statuses, words(service, r"(?m)^\.It (\d+)$"))
    footer = help_text[help_text.index("Exit status:"):]
    problems += compare("exit status", statuses, words(footer, r"(?<=[:;]\s)(\d+) "), "--help")
    table = re.findall(r"(?m)^\| (\d[\d, ]*) \|", source("README.md"))
    problems += compare("exit status", statuses, words(" ".join(table), r"\d+"), "README.md")

    journal = source("daemon/journal/journal.c") + source("daemon/journal/event_message.c")
    problems += compare("field", words(journal, r'"(JOBWATCH_\w+)"'), words(fields(service), r"JOBWATCH_\w+"))

    ids = words(source("daemon/journal/message_ids.h"), r'"([0-9a-f]{32})"')
    problems += compare("MESSAGE_ID", ids, words(service, r"(?m)^\.It Li ([0-9a-f]{32})$"))
    explained = words(source("systemd/jobwatchd.catalog"), r"(?m)^-- ([0-9a-f]{32})$")
    problems += [f"MESSAGE_ID: {id} is in only one of message_ids.h and the catalog" for id in sorted(ids ^ explained)]

    variables = source("daemon/delivery/variables.c") + source("daemon/delivery/exec/exec.c")
    problems += compare("variable", words(variables, r'"(JOBWATCH_\w+)"'), words(hooks, r"\.It Ev (JOBWATCH_\w+)"))
    document = source("daemon/delivery/payload.c")
    problems += compare("field of the document", words(document, r'put_\w+\(generator, "(\w+)"'),
                        words(hooks, r'"(\w+)": ') | words(hooks, r"\.Li (user\w*)\b"))
    events = words(source("daemon/model/event.c"), r'\[EVENT_\w+\] = "(\w+)"')
    problems += compare("event", events, words(hooks[hooks.index(".Sh EVENTS"):hooks.index(".Sh UNITS")],
                                               r"\.It Cm (\w+)"))
    return problems + check_ctl(source) + check_api(root, source("man/org.jobwatchd1.5")) + check_links(root)


LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def check_links(root):
    """Of the texts in Markdown: each names a file."""
    return [f"{page.relative_to(root)}: {link} does not exist" for page in (*sorted(root.glob("*.md")), *sorted(root.glob("docs/*.md")))
            for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]


BUS_TYPES = {"number": "t", "count": "u", "flag": "b", "string": "s", "text": "s", "strings": "as"}


def keys_of_api(sources):
    """"Key type" of each entry that is written into a dictionary, and read from the filter of a list."""
    found = {f"{key} {BUS_TYPES[kind]}"
             for kind, key in re.findall(r'\b(?:bus|control)_put_(\w+)\([^";]*"(\w+)"', sources)}
    return found | {f"{key} {kind}" for key, kind in re.findall(r'\{ "(\w+)", "([a-z]+)", &', sources)}


def check_api(root, page):
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((root / "daemon/app").glob("control*.c")))
    manager = (root / "daemon/bus/manager.c").read_text(encoding="utf-8")
    return compare("key of the API", keys_of_api(sources + manager), words(page, r"(?m)^\.It Li ([A-Z]\w+ [a-z]+)$")) + \
        compare("method", words(manager, r'(?m)^        (?:METHOD|ACTION|SD_BUS_METHOD_WITH_ARGS|SD_BUS_SIGNAL_WITH_ARGS)\(\s*"(\w+)"'),
                words(page, r"\.It Fn (\w+)"))


SYSEXITS = {"EXIT_SUCCESS": 0, "EX_USAGE": 64, "EX_NOINPUT": 66, "EX_UNAVAILABLE": 69, "EX_SOFTWARE": 70, "EX_IOERR": 74, "EX_NOPERM": 77,
            "EX_CONFIG": 78}


def fields(page):
    """The part of the manual that lists the journal's fields, without the examples."""
    return "\n".join(line for line in page.splitlines() if line.startswith(".It Li JOBWATCH"))


def self_test():
    api = 'bus_put_number(call, "Id", 1); bus_put_strings(\n get->call, "Hooks", x); { "State", "s", &state },'
    assert keys_of_api(api) == {"Id t", "Hooks as", "State s"}, keys_of_api(api)
    table = keys_of_table('{ KEY(JOB, "b", timespan), RANGE(1, 2) }, '
                          '{ KEY(API, "a", timespan), DEFAULT("1s "\n "b"), RANGE(0, 1) }')
    assert table == {("api", "a"): "1s b", ("job", "b"): ""}, table
    page = ".Ss [api]\\&\n.Bl\n.It Ic a\nText.\n.br\nDefault: 1s\nb\n.El\n.Ss [job NAME]\n.It Ic b\n.It Ic c\nBoth.\n" \
           ".It Ic d\nText.\n.El\n.Sh SEE\n.It Ic e\n"
    manual = keys_of_manual(page)
    assert manual == {("api", "a"): "1s b", ("job", "b"): "", ("job", "c"): "", ("job", "d"): ""}, manual
    table = '{ .name = "a", .options = OPTION_B | OPTION_C, .run = x }, { .name = "d", .run = y }'
    assert commands_of(table) == {"a": {"OPTION_B", "OPTION_C"}, "d": set()}, commands_of(table)
    assert options_of('{ "b", CODE, NULL, OPTION_B, "x" }, { "i", \'i\', "N", 0, "y" }') == {"b": "OPTION_B", "i": "0"}
    assert options_of_completion("    [a]='--b --c-d'\n    [e]=''\n") == {"a": {"b", "c-d"}, "e": set()}
    assert LINK.findall("[a](b/c.md), ![d](e.svg) [f](https://g) [h](#i) [j](k#l)") == ["b/c.md", "e.svg", "k"]
    assert compare("x", {"a", "b"}, {"b", "c"}) == ["x: a is not in the manual", "x: the manual has c, which does not exist"]
    assert help_of('static void print_help(void) { puts("a\\n" "  --b\\n"); }\nstatic void print_version') == "a\n  --b\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        self_test()
        return 0
    problems = check(pathlib.Path(sys.argv[1]))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
