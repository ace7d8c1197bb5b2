#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every test_*.py of this directory in one system. BUILD_DIR names the build.

    run.py [--installed-in=ROOT] [TEST...]    such as test_service.Service.test_start

ROOT is a system that has the services, from a package. Otherwise it is that of this machine, and they are those of the
build.
"""

import pathlib
import signal
import sys
import unittest

import container

MESON_SKIP = 77


def main():
    reason = container.why_not()
    if reason is not None:
        print(f"skipped: {reason}")
        return MESON_SKIP

    # Ends the tests, which a SystemExit would not, and cleans up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    option = "--installed-in="
    root = next((word[len(option):] for word in sys.argv[1:] if word.startswith(option)), None)
    tests = [word for word in sys.argv[1:] if not word.startswith(option)]
    container.enter()
    import fixture
    system = container.System(root or "/")
    try:
        system.installed = None
        if root is None:
            build = fixture.build_for_install(system.directory)
            fixture.install(build, system.root)
            system.installed = system.directory / "installed"
            fixture.install(build, system.installed)
        system.finish_installation()
        fixture.SYSTEM = system.boot()
        loader = unittest.TestLoader()
        if tests:
            suite = loader.loadTestsFromNames(tests)
        else:
            suite = loader.discover(str(pathlib.Path(__file__).parent), pattern="test_*.py")
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        system.close()


if __name__ == "__main__":
    sys.exit(main())
