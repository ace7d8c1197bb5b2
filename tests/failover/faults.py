# SPDX-License-Identifier: MIT
"""The kinds of faults."""

import contextlib
import os
import re
import signal
import time

import oracle
from harness import PATIENCE, SLOW
from hosts import STANDS_BY
from network import Path
from scenario import Scenario
from servers import Pooler, Replica, SmallDisk

READ_WRITE = "?target_session_attrs=read-write"


def stands_by_again(daemon, mark):
    """Whether it said so since that line of its log."""
    return any(re.search(STANDS_BY, line) for line in daemon.lines[mark:])


# ---- of a host ----


class Killed(Scenario):
    """SIGKILL; its service manager starts it again later."""

    def fault(self):
        self.a.daemon.process.kill()
        self.take_over("killed")
        self.a.stand_by()


class Stopped(Scenario):
    """SIGTERM, as for an update."""

    def fault(self):
        self.a.daemon.stop()
        self.take_over("stopped")
        self.a.stand_by()


class HandedOver(Scenario):
    """jobwatchctl handover, there and back."""

    def add_hosts(self):
        super().add_hosts()
        for host in (self.a, self.b):
            host.start_bus()

    def fault(self):
        mark = self.a.daemon.mark()
        self.a.ctl("handover")
        self.take_over("handed over")
        self.a.daemon.wait_for(STANDS_BY, since=mark, patience=4 * PATIENCE)
        time.sleep(self.random.uniform(0, 4))
        self.mark = self.b.daemon.mark()
        self.back_at = self.site.now()
        self.b.ctl("handover")
        self.come_back("handed back", self.back_at, "a")

    def is_settled(self):
        return stands_by_again(self.b.daemon, self.mark)

    def check_more(self):
        oracle.check_silence(self.site, "a", self.taken_over_at, self.back_at)
        oracle.check_silence(self.site, "b", self.back_at + self.took["handed back"])


class Preferred(Scenario):
    """The host that is preferred is lost, and comes back: the other one hands over when that has been well for a minute."""

    prefer = "a"
    OTHERS_WAIT = 10  # seconds longer for the lock
    WELL = 60

    def plan_ends(self):
        """Some when it is lost; the others are for when it comes back."""
        self.site.end_jobs({job: self.random.uniform(0.5, self.OTHERS_WAIT + 6) for job in self.site.jobs[:5]})

    def fault(self):
        self.a.daemon.process.kill()
        self.take_over("preferred host killed")
        # The host that is killed has written within the last second.
        oracle.need(self.taken_over_at - self.fault_at > self.OTHERS_WAIT - 1.5,
                    "the other host did not wait for the preferred one")
        self.a.stand_by()
        stood_by_at = self.site.now()
        self.mark = self.b.daemon.mark()
        self.site.end_jobs({job: self.random.uniform(self.WELL - 6, self.WELL + 6) for job in self.site.jobs[5:-1]})
        self.back_at = self.site.first_poll(stood_by_at, "a", self.WELL + 4 * PATIENCE).at
        oracle.need(self.back_at - stood_by_at > self.WELL - 2, "the preferred host did not wait until it had been well")
        self.took["preferred host back"] = self.back_at - max(poll.at for poll in self.site.polls() if poll.host == "b")

    def is_settled(self):
        return stands_by_again(self.b.daemon, self.mark)

    def check_more(self):
        oracle.check_silence(self.site, "b", self.back_at)


class Frozen(Scenario):
    """SIGSTOP, in the end SIGCONT: the host goes on as if nothing had happened."""

    def fault(self):
        shortest, longest = self.shared.freeze
        span = self.random.uniform(shortest, longest)
        self.a.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(span)
        taken_over = [poll for poll in self.site.polls() if poll.host == "b"]
        self.had_taken_over = bool(taken_over)
        if taken_over:
            self.took["frozen"] = taken_over[0].at - self.fault_at
        self.mark = self.a.daemon.mark()
        self.continued_at = self.site.now()
        self.a.daemon.process.send_signal(signal.SIGCONT)
        # Twice the time in which the session of a frozen host ends.
        oracle.need(self.had_taken_over or span < 16 * SLOW, f"nobody took over in {span:.0f} s")

    def is_settled(self):
        return stands_by_again(self.a.daemon, self.mark) if self.had_taken_over else True

    def check_more(self):
        if self.had_taken_over:
            oracle.check_silence(self.site, "a", self.continued_at)


class Cut(Scenario):
    """Packets between a host and the database are dropped, while the API is there for all."""

    directions = ()

    def fault(self):
        self.paths["a"].cut(*self.directions)
        self.cut_at = self.site.now()
        self.take_over("cut off")
        time.sleep(self.random.uniform(0, 4))
        self.mark = self.a.daemon.mark()
        self.paths["a"].mend()

    def is_settled(self):
        return stands_by_again(self.a.daemon, self.mark)

    def check_more(self):
        self.check_nobody("a", self.cut_at)
        oracle.check_silence(self.site, "a", self.taken_over_at)


class CutToServer(Cut):
    directions = ("to_server",)


class CutFromServer(Cut):
    directions = ("from_server",)


class CutShortly(Scenario):
    """For a time after which either host may be active."""

    def fault(self):
        self.paths["a"].cut()
        time.sleep(self.random.uniform(1, 10))
        self.paths["a"].mend()

    def check_more(self):
        self.took["cut shortly"] = self.pause()


class Pooled(Scenario):
    """The other host reaches the database by a pooler, which gives the lock to anybody: it must not be active."""

    says = r"connection pooler is in between; connect to the server itself"

    def make_server(self):
        server = super().make_server()
        self.pooler = self.stack.enter_context(Pooler(server))
        return server

    def uri(self, name):
        return self.shared.uri((self.paths[name], self.server if name == "a" else self.pooler))

    def start_hosts(self):
        self.a.start()
        self.site.first_poll(0, "a")
        self.b.start().wait_for(self.says, patience=4 * PATIENCE)

    def fault(self):
        self.a.daemon.process.kill()
        time.sleep(2)
        again_at = self.site.now()
        self.a.start()
        self.come_back("pooler: started again", again_at, "a")

    def check_more(self):
        oracle.check_silence(self.site, "b", 0)


# ---- of the server ----


class ServerFault(Scenario):
    """All hosts lose the database, and get it back."""

    own_server = True
    measure = "server back"

    def fault(self):
        self.break_server()
        self.broken_at = self.site.now()
        time.sleep(self.random.uniform(1, 12))
        self.mended_at = self.site.now()
        self.mend_server()
        self.come_back(self.measure, self.site.now())

    def break_server(self):
        raise NotImplementedError

    def mend_server(self):
        self.server.start()

    def check_more(self):
        self.check_nobody(None, self.broken_at, self.mended_at)


class ServerSmart(ServerFault):
    """It goes on for the sessions that it has, and then ends."""

    def break_server(self):
        self.server.process.send_signal(signal.SIGTERM)
        time.sleep(oracle.PROOF + 1)
        self.site.first_poll(self.site.now(), "a")
        self.server.stop("fast")


class ServerFast(ServerFault):
    def break_server(self):
        self.server.stop("fast")


class ServerImmediate(ServerFault):
    def break_server(self):
        self.server.stop("immediate")


class ServerKilled(ServerFault):
    def break_server(self):
        self.server.kill()


class DiskFull(ServerFault):
    """Polls go on as long as a heartbeat finds room, but nothing that cannot be recorded is delivered."""

    measure = "disk has room"

    def make_server(self):
        return self.stack.enter_context(SmallDisk(template=self.shared.template))

    def break_server(self):
        self.server.fill()

    def mend_server(self):
        self.server.empty()

    def check_more(self):
        pass


class ServerFrozen(ServerFault):
    """It answers nothing, and its sessions end only when it goes on."""

    WATCHDOG = 6

    def start_hosts(self):
        # As a service manager: it would end a service whose event loop is blocked.
        self.manager = self.shared.new_manager(self.site.directory / "notify")
        self.stack.callback(self.manager.stop)
        self.a.start(NOTIFY_SOCKET=str(self.site.directory / "notify"), WATCHDOG_USEC=str(self.WATCHDOG * 1000000))
        self.site.first_poll(0, "a")
        self.b.stand_by()

    def break_server(self):
        # The server first, so that it starts no process meanwhile.
        self.frozen = self.server.processes()
        for process in self.frozen:
            os.kill(process, signal.SIGSTOP)
        now = self.site.now()
        # Polls go on for as long as the proof is valid.
        self.site.first_poll(now, "a", oracle.PROOF)
        before = self.count()
        time.sleep(self.WATCHDOG)
        oracle.need(self.count() > before, "the event loop is blocked while the server does not answer")

    def count(self):
        return sum("WATCHDOG=1" in message for message in self.manager.take_all())

    def mend_server(self):
        for process in self.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


# ---- of a server with a replica ----


class Promoted(Scenario):
    """The primary is lost at once, while commits are in progress."""

    own_server = True
    is_synchronous = True

    def make_server(self):
        primary = super().make_server()
        self.replica = self.stack.enter_context(Replica(primary))
        self.replica.wait_until_it_follows(self.is_synchronous)
        return primary

    def add_hosts(self):
        self.replica_paths = {name: Path() for name in ("a", "b")}
        super().add_hosts()

    def uri(self, name):
        return self.shared.uri((self.paths[name], self.server), (self.replica_paths[name], self.replica),
                               more=READ_WRITE)

    def plan_ends(self):
        """Most of them at about the promotion."""
        self.site.end_jobs({job: self.random.uniform(0.5, 5) if number < 8 else self.random.uniform(5, 25)
                            for number, job in enumerate(self.site.jobs[:-1])})

    def fault(self):
        if self.random.random() < 0.5:
            self.server.kill()
            self.replica.promote()
        else:
            self.replica.promote()
            self.server.kill()

    def final_server(self):
        return self.replica

    def check_more(self):
        self.took["promoted"] = self.pause()


class PromotedAsynchronously(Promoted):
    """What was committed just before had not reached the replica."""

    is_synchronous = False

    def fault(self):
        self.replica.path.cut("from_server")
        time.sleep(self.random.uniform(0.5, 2))
        super().fault()
        self.lost = (self.fault_at - 1, self.site.now())

    def is_settled(self):
        """What was lost has been observed again."""
        return len(self.ends()) == len(self.site.ends)


class Isolated(Promoted):
    """The old primary still answers the host that was active, which has lost everything else with it."""

    def fault(self):
        self.replica.path.cut()
        self.replica_paths["a"].cut()
        self.paths["b"].cut()
        self.cut_at = self.site.now()
        self.replica.promote()
        self.take_over("isolated with the old primary")
        # There is nothing to be had from the old one, however often it is asked.
        time.sleep(self.random.uniform(2, 8))
        self.mark = self.a.daemon.mark()
        self.server.kill()
        self.replica_paths["a"].mend()

    def is_settled(self):
        return stands_by_again(self.a.daemon, self.mark)

    def check_more(self):
        self.check_nobody("a", self.cut_at)


# A short run has those that come first.
KINDS = (Frozen, Isolated, Cut, CutToServer, CutFromServer, PromotedAsynchronously, Promoted, DiskFull, ServerFrozen,
         ServerKilled, HandedOver, Preferred, Pooled, Killed, ServerSmart, ServerFast, ServerImmediate, CutShortly, Stopped)
