# SPDX-License-Identifier: MIT
"""A real system to test in: the root of this machine, or another one, under an overlay, booted by systemd-nspawn in its
own namespaces.

All writes go to a tmpfs. Mounts, network and processes are in namespaces of this process and its children, so they
end with it in any case. It leaves at most an empty directory and a few empty cgroups, which the next run removes.

enter() must be called early, by a process without threads, before a System is created.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PREFIX = "jobwatchd-system-"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
LIBC = ctypes.CDLL(None, use_errno=True)

PATIENCE = 120 * float(os.environ.get("TEST_SLOW", "1"))

# Units of the machine that a test does not need.
MASKED = ("getty.target console-getty.service systemd-logind.service systemd-timesyncd.service systemd-resolved.service "
          "systemd-networkd.service systemd-networkd.socket apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer "
          "fstrim.timer dpkg-db-backup.timer man-db.timer logrotate.timer systemd-update-utmp.service "
          "systemd-update-utmp-runlevel.service systemd-hwdb-update.service ldconfig.service "
          "systemd-journal-catalog-update.service dev-hugepages.mount systemd-machine-id-commit.service")

CGROUP_TRIES = 50


def why_not():
    """The reason why a system cannot run on this machine, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("systemd-nspawn", "nsenter", "unshare", "mount"):
        if shutil.which(program) is None:
            return f"needs {program} (Debian: systemd-container, util-linux)"
    probe = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-ec",
         "mount --make-rprivate /; mount -t tmpfs tmpfs /mnt; cd /mnt; mkdir upper work root; "
         "mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work root"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if probe.returncode != 0:
        return f"namespaces and an overlay of / are not permitted here: {probe.stdout.strip()}"
    if not os.access(CGROUPS, os.W_OK) or not cgroup_roots():
        return "there are no cgroups that can be written"
    return None


def enter():
    """Moves this process into new mount and network namespaces with only loopback."""
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        request = struct.pack("16sh14x", b"lo", 0)
        flags, = struct.unpack_from("h", fcntl.ioctl(one, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


# ---- cgroups ----

def cgroup_roots():
    """The cgroups of this process, in each hierarchy that systemd uses."""
    found = []
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, names, path = line.split(":", 2)
        for root in {"": (CGROUPS / "unified", CGROUPS), "name=systemd": (CGROUPS / "systemd",)}.get(names, ()):
            if (root / "cgroup.procs").exists():
                found.append(root / path.lstrip("/"))
                break
    return found


def remove_cgroup(top):
    for _ in range(CGROUP_TRIES):
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
        if not top.exists():
            return
        time.sleep(0.1)  # killed processes leave with a delay
    raise AssertionError(f"{top} cannot be removed")


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}")


def clean_after_others():
    """Removes the cgroups left by runs that were killed."""
    for root in cgroup_roots():
        for stale in root.glob(PREFIX + "*"):
            if not is_alive(stale.name[len(PREFIX):]):
                remove_cgroup(stale)
    for stale in pathlib.Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        pid = stale.name[len(PREFIX):].split("-")[0]
        if pid.isdigit() and not is_alive(pid):
            stale.rmdir()


# ---- the system ----

class Result:
    def __init__(self, status, output):
        self.status, self.output = status, output


class System:
    """Before boot() it consists only of files below `root` and can be changed there. boot() and power_cut() can be
    repeated. close() removes everything."""

    def __init__(self, lower="/"):
        clean_after_others()
        self.lower = lower
        self.nspawn = self.leader = None
        self.boots = 0
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.mounted = []
        self.cgroups = []
        try:
            self._mount()
            self._prepare()
            for top in cgroup_roots():
                cgroup = top / f"{PREFIX}{os.getpid()}"
                cgroup.mkdir()
                self.cgroups.append(cgroup)
        except BaseException:
            self.close()
            raise

    def _mount(self):
        self._mount_one("-t", "tmpfs", "-o", "mode=755,size=2g", "tmpfs", self.directory)
        for name in ("upper", "work", "root"):
            (self.directory / name).mkdir()
        self.root = self.directory / "root"
        self._mount_one("-t", "overlay", "overlay", "-o", f"lowerdir={self.lower},upperdir={self.directory}/upper,"
                        f"workdir={self.directory}/work", self.root)

    def _mount_one(self, *arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)
        self.mounted.append(arguments[-1])

    def _prepare(self):
        units = self.root / "etc/systemd/system"
        for path in list(units.iterdir()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for unit in MASKED.split():
            (units / unit).symlink_to("/dev/null")
        self._mask_generators()
        self.write("/etc/machine-id", os.urandom(16).hex() + "\n")
        self.write("/etc/fstab", "")
        self.write("/etc/hostname", "jobwatchd-test\n")
        self.write("/etc/resolv.conf", "")
        for path in (self.root / "etc/polkit-1/rules.d").glob("*jobwatch*"):
            path.unlink()
        self.remove("/usr/sbin/policy-rc.d")  # images of containers have one that lets no package start a service
        # Entries survive a power cut only if they are on the disk.
        self.write("/etc/systemd/journald.conf.d/test.conf",
                   "[Journal]\nStorage=persistent\nSyncIntervalSec=1s\nRateLimitBurst=0\n")
        shutil.rmtree(self.root / "var/log/journal", ignore_errors=True)
        (self.root / "var/log/journal").mkdir(parents=True)

    def _mask_generators(self):
        """They look at the disks and the kernel's command line of the machine, at each reload of units."""
        own = self.root / "etc/systemd/system-generators"
        own.mkdir(exist_ok=True)
        for generator in (self.root / "usr/lib/systemd/system-generators").iterdir():
            if not (own / generator.name).exists():
                (own / generator.name).symlink_to("/dev/null")

    def path(self, name):
        return self.root / str(name).lstrip("/")

    def write(self, name, content, mode=0o644):
        """A file of the system, visible inside at once. Not below /run and /tmp, which are private to the system."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)

    def remove(self, name):
        self.path(name).unlink(missing_ok=True)

    # -- running it --

    def finish_installation(self):
        """Does what a package manager does after an installation. Users and files are created at boot."""
        subprocess.run(["journalctl", f"--root={self.root}", "--update-catalog"], check=True, stderr=subprocess.DEVNULL)

    def boot(self):
        """Waits until the boot is complete."""
        assert self.nspawn is None
        self.boots += 1
        self.console = self.directory / f"console-{self.boots}"
        # A killed nspawn leaves its system running, but killing the init of a pid namespace kills all processes in it.
        command = ["unshare", "--pid", "--fork", "--kill-child=KILL", "systemd-nspawn", "--quiet", "-D",
                   str(self.root), "--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off",
                   "--timezone=off", "--link-journal=no", "--machine=jobwatchd-test", "--hostname=jobwatchd-test",
                   f"--network-namespace-path=/proc/{os.getpid()}/ns/net", "systemd.show_status=no"]
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                           preexec_fn=self._before_nspawn)
        self._await(self._find_leader, "the system's init")
        self._await(lambda: self.run("systemctl", "is-system-running", check=False).output.strip()
                    in ("running", "degraded"), "the end of the boot")
        return self

    def _before_nspawn(self):
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for cgroup in self.cgroups:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def _find_leader(self):
        """unshare → nspawn → init."""
        if self.nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn has ended:\n{self.console.read_text(errors='replace')}")
        pid = self.nspawn.pid
        try:
            for _ in range(2):
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
                if not children:
                    return False
                pid = int(children[0])
            if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() != "systemd":
                return False
        except (FileNotFoundError, ProcessLookupError):  # a process that has ended meanwhile
            return False
        self.leader = pid
        return True

    def _await(self, condition, what):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if condition():
                    return
            except FileNotFoundError:
                pass  # the process has exited
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}:\n{self.console.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)

    def _inside(self, words):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root", "TZ=UTC",
                *map(str, words)]

    def run(self, *words, check=True, timeout=PATIENCE, stdin=None):
        """Runs a program inside as root. Standard output and error are combined."""
        try:
            done = subprocess.run(self._inside(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                  timeout=timeout, input=stdin, **({} if stdin is not None else
                                                                    {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{words} takes longer than {timeout} s") from late
        output = done.stdout.decode("utf-8", "backslashreplace")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: status {done.returncode}\n{output}")
        return Result(done.returncode, output)

    def power_cut(self):
        """Kills everything at once."""
        os.kill(self.leader, signal.SIGKILL)
        self._gone()

    def is_up(self):
        return self.leader is not None and self.nspawn.poll() is None and is_alive(self.leader)

    def boot_if_dead(self):
        if not self.is_up():
            self._end()
            self.boot()

    def _end(self):
        """Kills nspawn, not unshare, which then reaps it; all other processes end with it."""
        if self.nspawn is None:
            return
        children = []
        if self.nspawn.poll() is None:
            children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        if not children:
            self.nspawn.kill()
        self._gone()

    def _gone(self):
        self.nspawn.wait(PATIENCE)
        self.nspawn = self.leader = None
        for cgroup in self.cgroups:
            for child in [path for path in cgroup.iterdir() if path.is_dir()]:
                remove_cgroup(child)

    def close(self):
        """Takes each step even if others fail. A mount that is still in use, such as by the log of a server that is
        about to exit, is detached."""
        with contextlib.ExitStack() as steps:
            steps.callback(self.directory.rmdir)
            for mount in self.mounted:
                steps.callback(subprocess.run, ["umount", "--lazy", str(mount)], check=True)
            for cgroup in self.cgroups:
                steps.callback(remove_cgroup, cgroup)
            steps.callback(self._end)
