# SPDX-License-Identifier: MIT
"""The commands in README.md and in the manual pages, as a user copies them."""

import re

# What begins a command within a sentence.
PROGRAMS = r"jobwatchctl|jobwatchd|systemctl|journalctl|busctl|apt|tests/\w+"
INLINE = rf"(?:{PROGRAMS}) .*"

# Lines of examples that are no commands: settings, JSON, messages, and what continues one of these.
NO_COMMAND = re.compile(r"\[[\w -]+\]|[\w-]+ \+?= |[\w-]+=|\w+ =$|[{} ]|Job \d|$")


def whole_commands(lines):
    """With here-documents, continued lines and what is to be typed, which is indented."""
    commands, lines = [], list(lines)
    while lines:
        command = lines.pop(0)
        if not command.strip() or command.lstrip().startswith("#"):
            continue
        while command.endswith("\\"):
            command += "\n" + lines.pop(0)
        end = re.search(r"<<-?\s*(['\"]?)(\w+)\1", command)
        while end and command.rsplit("\n", 1)[-1].strip() != end[2]:
            command += "\n" + lines.pop(0)
        while lines and re.match("  +[^ ]", lines[0]):
            command += "\n" + lines.pop(0)
        commands.append(command)
    return commands


def shell_commands(text):
    """Those in the ```sh blocks of a text in Markdown."""
    return [command for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
            for command in whole_commands(block.splitlines())]


def inline_commands(text):
    """Those in the sentences of a text in Markdown."""
    sentences = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = [" ".join(span.split()) for span in re.findall("`([^`]+)`", sentences)]
    return [command for command in spans if re.fullmatch(INLINE, command)]


def plain(text):
    """mdoc without its escapes."""
    for escape, character in ((r"\e", "\\"), (r"\(dq", '"'), (r"\(->", "→"), (r"\&", ""), (r"\-", "-")):
        text = text.replace(escape, character)
    return text


def words_of(arguments):
    """The text of a macro, without the punctuation at its end, which is set in another font."""
    words = arguments.split(" ")
    while len(words) > 1 and re.fullmatch(r"[.,:;)\]]", words[-1]):
        words.pop()
    return plain(" ".join(words))


def manual_commands(page):
    """Those of a manual page: its examples, and commands within its sentences."""
    commands = []
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page, re.M | re.S):
        lines = [plain(line) for line in block.splitlines()]
        commands += [command for command in whole_commands(lines) if not NO_COMMAND.match(command)]
    for macro, arguments in re.findall(r"^\.(Dl|Ql|Li|Dq) (.*)$", page, re.M):
        command = words_of(arguments)
        if macro == "Dl" or re.fullmatch(INLINE, command):
            commands.append(command)
    return commands
