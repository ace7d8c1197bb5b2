# SPDX-License-Identifier: MIT
"""A process for which the user of the services exists, or does not, whatever this machine has."""

import os
import subprocess

USER = "jobwatchd"
UID = GID = 64999

# Run by a shell in a mount namespace of its own: $1 and $2 replace the lists of users and groups.
WITH_USERS = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'


def can_replace_users():
    if os.geteuid() != 0:
        return False
    probe = ["unshare", "--mount", "mount", "--bind", "/etc/passwd", "/etc/passwd"]
    return subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def users(test, user, group):
    """A command that runs another one with these lines in place of those of the user in /etc/passwd and /etc/group."""
    paths = []
    for source, line in (("/etc/passwd", user), ("/etc/group", group)):
        with open(source, encoding="utf-8") as stream:
            kept = [row for row in stream if not row.startswith(f"{USER}:")]
        paths.append(str(test.secret(f"users-{os.path.basename(source)}-{bool(line)}", "".join(kept) + line, 0o644)))
    return ["unshare", "--mount", "sh", "-c", WITH_USERS, "sh", *paths]
