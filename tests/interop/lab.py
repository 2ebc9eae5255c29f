# SPDX-License-Identifier: BSD-3-Clause
"""The lab: kernel MPTCP clients and TCP servers around one mpgate, all in network namespaces.

    client ns            net ns (the "wire")          gw ns                    server ns
    p0 10.1.0.2/24 ---- c0 ===== a0 ---------------- mpg0 \\
    p1 10.2.0.2/24 ---- c1 ===== a1 ---------------- mpg1 - mpgate - mpgs ---- s0 10.9.0.2/24

The net namespace forwards frames between a<i> and c<i> with nftables and is where paths are shaped,
cut, made lossy and where options are stripped: a sender must not notice locally what happens to its
packets, as it would with rules in its own namespace. Interfaces in gw have no addresses and hand
nothing to the kernel there. Standard library only; needs root. Used by scripts/demo, by the tests
and by the benchmarks.
"""
import atexit
import contextlib
import ctypes
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
PEER = pathlib.Path(__file__).resolve().parent / "peer.py"
PYTHON = "/usr/bin/python3"
STATE = pathlib.Path("/run/mpgate-lab.json")
HUGE = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PREFIX = "mpg"
PORT_HTTP, PORT_IPERF, PORT_PEER = 80, 5201, 9000
PORT_ONE_REFUSED, PORT_ALL_REFUSED, PORT_ONE_SILENT = 9001, 9002, 9003
# Of the pool with a silent server: no test waits long for it. Others outlive a lost SYN (1 s).
CONNECT_MS = {"one_silent": 500}
PORT_NONE = 9999  # no listener
PORT_DEAD = 1     # nothing listens there in the server namespace


class LabError(Exception):
    """Something the lab needs is missing or did not happen; the text says what to do."""


def sh(*cmd, check=True, stdin=None, timeout=120):
    """Run a command, return its standard output; LabError with its words when it fails."""
    r = subprocess.run([str(c) for c in cmd], input=stdin, capture_output=True, text=True,
                       timeout=timeout, check=False)
    if check and r.returncode:
        raise LabError(f"{' '.join(map(str, cmd))}: exit {r.returncode}\n{stdin or ''}"
                       f"{r.stderr.strip() or r.stdout.strip()}")
    return r.stdout


def wait_for(what, cond, timeout=10.0, step=0.02):
    """Poll cond() until it is true and return its value; LabError naming what after timeout."""
    end = time.monotonic() + timeout
    while True:
        v = cond()
        if v:
            return v
        if time.monotonic() > end:
            raise LabError(f"not within {timeout:g} s: {what}")
        time.sleep(step)


def sysctl(name, value=None):
    p = pathlib.Path("/proc/sys") / name.replace(".", "/")
    if value is not None:
        p.write_text(str(value))
    return p.read_text().strip()


def start_time(pid):
    """Start time of a process, to tell it from a later one with the same number; None if gone."""
    try:
        f = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if f[0] == "Z" else int(f[19])
    except OSError:
        return None


# --- what is global on the machine -----------------------------------------------------------------

class Machine:
    """Machine-wide settings, shared by labs that run at once: the first saves, the last restores.

    The file STATE holds what was saved and, for each lab, its owner, namespaces and processes, so
    that a lab whose owner was killed is cleaned up by the next one.
    """

    @staticmethod
    @contextlib.contextmanager
    def _state():
        with open(f"{STATE}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                st = json.loads(STATE.read_text())
            except (OSError, ValueError):
                st = {"saved": {}, "labs": {}}
            yield st
            if st["labs"]:
                STATE.write_text(json.dumps(st, indent=1))
            else:
                STATE.unlink(missing_ok=True)

    @staticmethod
    def _tcp_mem_check():
        used = 0
        for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines():
            if line.startswith("TCP:"):
                used = int(line.split()[-1])
        if used > int(sysctl("net.ipv4.tcp_mem").split()[1]) // 2:
            raise LabError(
                f"the kernel holds {used} pages of TCP memory, near net.ipv4.tcp_mem: every TCP "
                "connection would crawl. Raise net.ipv4.tcp_mem, or reboot: MPTCP sockets used "
                "with splice() leak this account.")

    @classmethod
    def _first(cls, st):
        st["saved"] = {k: sysctl(k) for k in
                       ("net.ipv4.tcp_congestion_control", "net.ipv4.tcp_mem")}
        st["saved"]["hugepages"] = int((HUGE / "nr_hugepages").read_text()) if HUGE.exists() else 0
        # Namespaces inherit it; a namespace of its own may not choose it freely.
        sysctl("net.ipv4.tcp_congestion_control", "cubic")
        pages = os.sysconf("SC_PHYS_PAGES")
        if int(sysctl("net.ipv4.tcp_mem").split()[2]) < pages // 2:
            sysctl("net.ipv4.tcp_mem", f"{pages // 4} {pages // 3} {pages // 2}")

    @staticmethod
    def _last(st):
        saved = st["saved"]
        sysctl("net.ipv4.tcp_congestion_control", saved["net.ipv4.tcp_congestion_control"])
        sysctl("net.ipv4.tcp_mem", saved["net.ipv4.tcp_mem"])
        if HUGE.exists():
            (HUGE / "nr_hugepages").write_text(str(saved["hugepages"]))

    @staticmethod
    def _remove(st, prefix):
        lab = st["labs"].pop(prefix)
        for sig, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            left = [p for p, t in lab["procs"] if start_time(p) == t]
            for p in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(p, sig)
            end = time.monotonic() + patience
            while time.monotonic() < end and any(start_time(p) == t for p, t in lab["procs"]):
                time.sleep(0.05)
        have = {n.split()[0] for n in sh("ip", "netns", "list").splitlines() if n}
        for ns in have:
            if ns.startswith(f"{prefix}-"):
                sh("ip", "netns", "del", ns, check=False)
        if lab.get("tmp"):
            shutil.rmtree(lab["tmp"], ignore_errors=True)

    @classmethod
    def _reap(cls, st):
        """Remove labs whose owner was killed."""
        for p, lab in list(st["labs"].items()):
            if not lab["kept"] and start_time(lab["owner"][0]) != lab["owner"][1]:
                cls._remove(st, p)

    @classmethod
    def acquire(cls, prefix, tmp):
        with cls._state() as st:
            if not st["labs"]:
                cls._first(st)  # else the settings are in force, and what was saved stays so
            cls._reap(st)
            st["labs"][prefix] = {"owner": [os.getpid(), start_time(os.getpid())], "kept": False,
                                  "procs": [], "tmp": tmp}
            cls._tcp_mem_check()

    @classmethod
    def release(cls, prefix):
        with cls._state() as st:
            if prefix in st["labs"]:
                cls._remove(st, prefix)
                if not st["labs"]:
                    cls._last(st)

    @classmethod
    def note(cls, prefix, pids, kept=False):
        with cls._state() as st:
            lab = st["labs"][prefix]
            lab["procs"] = [[p, start_time(p)] for p in pids]
            lab["kept"] = kept

    @classmethod
    def release_kept(cls):
        """Remove every lab that was left up or whose owner is gone; returns how many there were."""
        with cls._state() as st:
            before = len(st["labs"])
            for lab in st["labs"].values():
                if lab["kept"]:
                    lab.update(kept=False, owner=[0, 0])
            cls._reap(st)
            if before and not st["labs"]:
                cls._last(st)
            return before - len(st["labs"])

    @staticmethod
    def hugepages(pages):
        """Have that many free 2 MiB pages; False when the machine has none to give."""
        if not HUGE.exists():
            return False
        free, nr = (int((HUGE / f).read_text()) for f in ("free_hugepages", "nr_hugepages"))
        if free < pages:
            (HUGE / "nr_hugepages").write_text(str(nr + pages - free))
            free = int((HUGE / "free_hugepages").read_text())
        if free < pages:
            (HUGE / "nr_hugepages").write_text(str(nr))
            return False
        return True


# --- one lab -----------------------------------------------------------------------------------------

def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Proc:
    """A process of the lab; its output goes to a file."""

    def __init__(self, argv, log, env=None, keep=False):
        self.argv, self.log = [str(a) for a in argv], pathlib.Path(log)
        with open(log, "w", encoding="utf-8") as out, \
                open(f"{log}.err", "w", encoding="utf-8") as err:
            # pylint: disable=subprocess-popen-preexec-fn
            self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                      start_new_session=True, env=env,
                                      preexec_fn=None if keep else _die_with_parent)

    def out(self):
        return self.log.read_text(errors="replace")

    def err(self):
        return pathlib.Path(f"{self.log}.err").read_text(errors="replace")

    def alive(self):
        return self.p.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Send sig and wait; SIGKILL when that does not help. Returns the exit code."""
        if self.alive():
            self.p.send_signal(sig)
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            return self.p.wait()

    @contextlib.contextmanager
    def paused(self):
        """Stopped meanwhile: its sockets stay open, and its kernel answers for them."""
        self.p.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.p.send_signal(signal.SIGCONT)

    def wait(self, timeout):
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise LabError(f"{' '.join(self.argv)}: not done within {timeout:g} s\n"
                           f"{self.out()[-500:]}{self.err()[-500:]}") from None


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a lab is made of; two tests with equal specs share one."""
    port: str = "af_xdp"        # how mpgate drives its interfaces: af_xdp, af_packet, tap; testpmd for memif
    workers: int = 1
    paths: int = 2
    family: int = 4             # address family clients and upstreams use: 4 or 6
    signal: bool = False        # mpgate announces the addresses of paths 1.. with ADD_ADDR
    checksum: bool = False      # DSS checksums, asked for by both sides
    server_mptcp: bool = False  # mpgate asks its servers for MPTCP, and they speak it
    server_addrs: int = 1       # addresses of the server; those beyond the first it announces
    rate_mbit: int = 0          # shape each path, each direction; 0 = not shaped
    direct: bool = False        # no net namespace: faster, nothing can be impaired
    gate: bool = True           # False: the caller puts something else into gw
    time_wait_ms: int = 200
    drain_ms: int = 3000
    relay_buffer: int = 384 << 10
    mbufs: int = 65536
    idle: str = "sleep"         # idle workers: the kernel's peers need their CPUs, too
    napi_thread: bool = False   # AF_XDP's NAPI is a thread on the worker's CPU (veth: the sender's)


class Lab:
    """Namespaces, links, servers and mpgate for one Spec. Use as a context manager."""
    count = 0
    # What a driver may hold of a port's packet buffers when all is quiet, more than at its start.
    MBUFS_OF_DRIVER = {"af_packet": 0, "af_xdp": 2048, "tap": 1024, "memif": 0}

    def __init__(self, spec, build=None, keep=False):
        self.spec, self.keep = spec, keep
        self.build = pathlib.Path(build or os.environ.get("MPGATE_BUILD", REPO / "build")).resolve()
        Lab.count += 1
        self.prefix = f"{PREFIX}-{os.getpid()}" + (f"-{Lab.count}" if Lab.count > 1 else "")
        self.ns = {n: f"{self.prefix}-{n}" for n in ("client", "net", "gw", "server")}
        self.tmp = pathlib.Path(tempfile.gettempdir()) / f"mpgate-lab-{self.prefix}"
        self.procs, self.gate, self.mbufs_free = {}, None, 0
        self.socket = self.tmp / "mpgate.sock"
        cpus = sorted(os.sched_getaffinity(0))
        self.cores = [cpus[(1 + i) % len(cpus)] for i in range(spec.workers)]
        self.peer_cpus = [c for c in cpus if c not in self.cores] or [cpus[0]]
        self.up_done = False
        self._logs = 0
        self.last_log = []

    # life

    def __enter__(self):
        if os.geteuid():
            raise LabError("the lab needs root: namespaces, hugepages, raw ports")
        atexit.register(self.down)
        self.tmp.mkdir(mode=0o755)
        try:
            Machine.acquire(self.prefix, str(self.tmp))
            self.up_done = True
            self._links()
            self._servers()
            if self.spec.gate:
                self.start_gate()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *exc):
        self.down()

    def down(self):
        """Stop everything and put the machine back as it was. May be called twice."""
        atexit.unregister(self.down)
        if not self.up_done:
            shutil.rmtree(self.tmp, ignore_errors=True)
            return
        self.up_done = False
        for p in reversed(list(self.procs.values())):
            p.stop(timeout=5)
        Machine.release(self.prefix)

    def leave_up(self):
        """Let the lab outlive this process; Machine.release_kept() removes it."""
        Machine.note(self.prefix, [p.p.pid for p in self.procs.values() if p.alive()], kept=True)
        self.up_done = False
        atexit.unregister(self.down)

    # running things

    def cmd(self, ns, *argv, pin=True):
        """argv as run inside a namespace, off the workers' cores."""
        pinned = ["taskset", "-c", ",".join(map(str, self.peer_cpus))] if pin else []
        return ["ip", "netns", "exec", self.ns[ns], *pinned, *map(str, argv)]

    def run(self, ns, *argv, check=True, timeout=120, stdin=None):
        return sh(*self.cmd(ns, *argv), check=check, timeout=timeout, stdin=stdin)

    def start(self, ns, *argv, name=None, pin=True, env=None):
        """Start a process in a namespace; it is stopped with the lab at the latest."""
        self._logs += 1
        name = name or f"{pathlib.Path(str(argv[0])).name}-{self._logs}"
        p = Proc(self.cmd(ns, *argv, pin=pin), self.tmp / f"{name}.log", env=env, keep=self.keep)
        self.procs[name] = p
        return p

    def ip(self, ns, *args, check=True):
        return sh("ip", "-n", self.ns[ns], *args, check=check)

    def nft(self, ns, script, check=True):
        return sh("ip", "netns", "exec", self.ns[ns], "nft", "-f", "-", stdin=script, check=check)

    def sysctl(self, ns, **values):
        for k, v in values.items():
            sh("ip", "netns", "exec", self.ns[ns], "sysctl", "-qw", f"{k.replace('__', '.')}={v}")

    # addresses

    def gw_addr(self, path, family=None):
        return f"10.{path + 1}.0.1" if (family or self.spec.family) == 4 else f"fd00:{path + 1}::1"

    def client_addr(self, path, family=None):
        return f"10.{path + 1}.0.2" if (family or self.spec.family) == 4 else f"fd00:{path + 1}::2"

    def server_addr(self, family=None):
        return "10.9.0.2" if (family or self.spec.family) == 4 else "fd00:9::2"

    @staticmethod
    def hostport(addr, port):
        return f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"

    def url(self, path="/", family=None):
        return f"http://{self.hostport(self.gw_addr(0, family), PORT_HTTP)}{path}"

    # links

    def _links(self):
        for name in self.ns.values():
            sh("ip", "netns", "add", name)
        for n in ("net", "gw"):
            self.sysctl(n, net__ipv6__conf__all__disable_ipv6=1,
                        net__ipv6__conf__default__disable_ipv6=1)
        for n in ("client", "server"):
            self.sysctl(n, net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                        net__ipv6__conf__default__accept_ra=0, net__ipv6__conf__default__accept_dad=0,
                        net__ipv4__tcp_no_metrics_save=1)
        csum = int(self.spec.checksum)
        self.sysctl("client", net__mptcp__enabled=1, net__mptcp__checksum_enabled=csum)
        # A SYN that is lost on purpose must not switch MPTCP off for the tests that follow.
        sh("ip", "netns", "exec", self.ns["client"], "sysctl", "-qw",
           "net.mptcp.blackhole_timeout=0", check=False)
        for n in self.ns:
            self.ip(n, "link", "set", "lo", "up")
        for i in range(self.spec.paths):
            if self.spec.direct:
                self._veth("client", f"p{i}", "gw", f"mpg{i}")
            else:
                self._veth("client", f"p{i}", "net", f"c{i}")
                self._veth("net", f"a{i}", "gw", f"mpg{i}")
                self._forward("net", f"a{i}", f"c{i}")
            self._host("client", f"p{i}", i + 1)
            for fam, opt in ((4, "-4"), (6, "-6")):
                plen = 24 if fam == 4 else 64
                self.ip("client", opt, "rule", "add", "from", self.client_addr(i, fam),
                        "table", i + 1)
                net = f"10.{i + 1}.0.0/{plen}" if fam == 4 else f"fd00:{i + 1}::/{plen}"
                self.ip("client", opt, "route", "add", net, "dev", f"p{i}", "table", i + 1)
                self.ip("client", opt, "route", "add", "default", "via", self.gw_addr(i, fam),
                        "dev", f"p{i}", "table", i + 1)
        self.ip("client", "route", "add", "default", "via", self.gw_addr(0, 4))
        self.ip("client", "-6", "route", "add", "default", "via", self.gw_addr(0, 6))
        self._veth("server", "s0", "gw", "mpgs")
        self._host("server", "s0", 9)
        if self.spec.gate:
            self._mute_gw()
        if self.spec.rate_mbit:
            self.shape(self.spec.rate_mbit)
        self.ip("client", "mptcp", "limits", "set", "subflows", "8", "add_addr_accepted", "8")

    def _veth(self, ns_a, a, ns_b, b):
        self.ip(ns_a, "link", "add", a, "mtu", "1500", "type", "veth", "peer", "name", b,
                "netns", self.ns[ns_b], "mtu", "1500")
        for ns, dev in ((ns_a, a), (ns_b, b)):
            # Frames as on a real wire: no 64 KiB segments, no checksum left for "hardware" to do.
            sh("ip", "netns", "exec", self.ns[ns], "ethtool", "-K", dev, "tx", "off", "rx", "off",
               "tso", "off", "gso", "off", "gro", "off")
            if ns == "gw":
                self.ip(ns, "link", "set", dev, "arp", "off")
            else:  # the kernel's share of the work stays off the workers' cores
                mask = f"{sum(1 << c for c in self.peer_cpus):x}"
                sh("ip", "netns", "exec", self.ns[ns], "sh", "-c",
                   f"echo {mask} > /sys/class/net/{dev}/queues/rx-0/rps_cpus", check=False)
            self.ip(ns, "link", "set", dev, "up")

    def _host(self, ns, dev, net):
        self.ip(ns, "addr", "add", f"10.{net}.0.2/24", "dev", dev)
        self.ip(ns, "-6", "addr", "add", f"fd00:{net}::2/64", "dev", dev, "nodad")

    def _forward(self, ns, a, b):
        """Every frame that comes in at a goes out at b, and back.

        As a copy: what waits in a shaper's queue must not be charged to its sender's socket. A kernel's
        TCP would hold back as for its own NIC, and an AF_XDP sender spins for room.
        """
        self.nft(ns, "".join(
            f"table netdev fwd_{x} {{ chain c {{ type filter hook ingress device {x} priority 100; "
            f"dup to {y}; drop; }}; }};\n" for x, y in ((a, b), (b, a))))

    def gw_devs(self):
        return [f"mpg{i}" for i in range(self.spec.paths)] + ["mpgs"]

    def _mute_gw(self):
        """The kernel in gw sees no frame (packet sockets and XDP take theirs before this hook)."""
        if self.spec.port == "tap":
            return  # frames go to the taps, and to nobody while mpgate is not there
        for dev in self.gw_devs():
            self.nft("gw", f"table netdev mute_{dev} {{ chain c {{ type filter hook ingress "
                           f"device {dev} priority 0; drop; }}; }};")

    def shape(self, mbit, queue_ms=20):
        """Limit each path to mbit in each direction (0: no limit). A longer queue drops what comes then."""
        for i in range(self.spec.paths):
            for dev in (f"a{i}", f"c{i}"):
                tc = ["ip", "netns", "exec", self.ns["net"], "tc", "qdisc"]
                if mbit:
                    sh(*tc, "replace", "dev", dev, "root", "tbf", "rate", f"{mbit}mbit",
                       "burst", "64k", "latency", f"{queue_ms}ms")
                else:
                    sh(*tc, "del", "dev", dev, "root", check=False)

    def endpoints(self, *flags, family=None, paths=None):
        """The client's own path manager: one endpoint for each path but the first.

        flags: "subflow" (the client joins), also "backup", "fullmesh"; none: no endpoint, so that
        further subflows come only from addresses that mpgate announces.
        """
        self.ip("client", "mptcp", "endpoint", "flush")
        if flags:
            for i in paths if paths is not None else range(1, self.spec.paths):
                self.ip("client", "mptcp", "endpoint", "add", self.client_addr(i, family),
                        "dev", f"p{i}", *flags)

    # servers

    def _servers(self):
        www = self.tmp / "www"
        www.mkdir()
        (www / "index.html").write_text("mpgate lab\n")
        (www / "4k").write_bytes(os.urandom(4096))
        (self.tmp / "nginx.conf").write_text(
            f"user root; worker_processes 1; pid {self.tmp}/nginx.pid; daemon off;\n"
            f"error_log {self.tmp}/nginx.err; events {{ worker_connections 4096; }}\n"
            "http { access_log off; sendfile on; keepalive_requests 1000000;\n"
            f" client_body_temp_path {self.tmp}; proxy_temp_path {self.tmp};\n"
            f" fastcgi_temp_path {self.tmp}; uwsgi_temp_path {self.tmp}; scgi_temp_path {self.tmp};\n"
            f" server {{ listen {PORT_HTTP} backlog=4096; listen [::]:{PORT_HTTP} backlog=4096;"
            f" root {www}; }} }}\n")
        self.start("server", "nginx", "-e", self.tmp / "nginx.err", "-c", self.tmp / "nginx.conf",
                   name="nginx")
        self.start("server", "iperf3", "-s", "-p", PORT_IPERF, name="iperf3-server")
        mptcp = ["--mptcp"] if self.spec.server_mptcp else []
        self.start("server", PYTHON, PEER, "server", "--port", PORT_PEER, *mptcp, name="peer-server")
        self.ip("server", "mptcp", "limits", "set", "subflows", 8, "add_addr_accepted", 8)
        self.sysctl("server", net__mptcp__checksum_enabled=int(self.spec.checksum))
        for i in range(1, self.spec.server_addrs):
            addr = {4: f"10.9.0.{2 + i}", 6: f"fd00:9::{2 + i}"}[self.spec.family]
            self.ip("server", "addr", "add", f"{addr}/{24 if self.spec.family == 4 else 64}", "dev", "s0",
                    *([] if self.spec.family == 4 else ["nodad"]))
            self.ip("server", "mptcp", "endpoint", "add", addr, "dev", "s0", "signal")
        want = {PORT_HTTP, PORT_IPERF, PORT_PEER}
        wait_for("servers listening", lambda: want <= {
            int(line.split()[3].rsplit(":", 1)[1])
            for line in self.run("server", "ss", "-Htln").splitlines()})

    def make_file(self, name, mib):
        """A random file in nginx' root; returns its SHA-256."""
        import hashlib  # pylint: disable=import-outside-toplevel
        h = hashlib.sha256()
        with open(self.tmp / "www" / name, "wb") as f:
            for _ in range(mib):
                block = os.urandom(1 << 20)
                h.update(block)
                f.write(block)
        return h.hexdigest()

    # mpgate

    def device(self, i, dev):
        return {"af_xdp": f"net_af_xdp{i},iface={dev}"
                          + (",busy_budget=0" if self.spec.napi_thread else ""),
                "af_packet": f"net_af_packet{i},iface={dev}",
                "tap": f"net_tap{i},iface=t{dev}",
                "memif": f"net_memif{i},role=server,{self.memif(i)}"}[self.spec.port]

    def memif(self, i):
        return f"socket={self.tmp}/memif.sock,socket-abstract=no,id={i}"

    def start_testpmd(self):
        """Between mpgate's memif ports and gw's interfaces, as in the README but without hugepages."""
        ports = [v for i, dev in enumerate(self.gw_devs()) for v in (
            "--vdev", f"net_memif{i},role=client,{self.memif(i)}",
            "--vdev", f"net_af_packet{i},iface={dev}")]
        p = self.start("gw", "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-huge", "-m", "512",
                       f"--file-prefix={self.prefix}-peer", "--no-pci", *ports, "--",
                       "--forward-mode=io", "--auto-start", "--stats-period=3600",
                       "--total-num-mbufs=32768", name="testpmd", pin=False)
        wait_for("memif links are up", lambda: all(
            r["link"] == "up" for r in self.ctl("show", "ports")) or not p.alive(), 30)
        if not p.alive():
            raise LabError(f"testpmd ended: {p.out()[-500:]} {p.err()[-500:]}")

    def config(self, hugepages=True, **over):
        """The YAML text of mpgate's configuration for this lab."""
        s = self.spec
        q = self.hostport
        srv = self.server_addr()
        pools = {
            "web": [(srv, PORT_HTTP)], "iperf": [(srv, PORT_IPERF)], "peer": [(srv, PORT_PEER)],
            "one_refused": [(srv, PORT_DEAD), (srv, PORT_PEER)],
            "all_refused": [(srv, PORT_DEAD), (srv, PORT_DEAD + 1)],
            # nobody has that address: never an answer, not even a neighbour
            "one_silent": [("10.9.0.66" if s.family == 4 else "fd00:9::66", PORT_PEER),
                           (srv, PORT_PEER)],
        }
        listeners = {"web": PORT_HTTP, "iperf": PORT_IPERF, "peer": PORT_PEER,
                     "one_refused": PORT_ONE_REFUSED, "all_refused": PORT_ALL_REFUSED,
                     "one_silent": PORT_ONE_SILENT}
        v = {"mbufs": s.mbufs, "connections": 4096, "subflows": 32768, **over}
        y = [f"workers: {s.workers}", f"cores: {self.cores}",
             f"control_core: {self.peer_cpus[0]}",
             f"idle: {s.idle}",
             "memory:", f"  hugepages: {'true' if hugepages else 'false'}",
             *(f"  {k}: {v[k]}" for k in ("mbufs", "connections", "subflows")),
             f"  relay_buffer: {s.relay_buffer}", "ports:"]
        for i, dev in enumerate(self.gw_devs()):
            net = 9 if dev == "mpgs" else i + 1
            y += [f"  - name: {dev}", f"    device: {self.device(i, dev)}", "    mtu: 1500",
                  f'    addresses: ["10.{net}.0.1/24", "fd00:{net}::1/64"]']
        y += ["routes:", f"  - {{to: 10.50.0.0/24, via: {self.client_addr(0, 4)}}}",
              f"  - {{to: 'fd00:50::/64', via: '{self.client_addr(0, 6)}'}}", "pools:"]
        for name, servers in pools.items():
            y += [f"  - name: {name}", f"    connect_timeout_ms: {CONNECT_MS.get(name, 5000)}",
                  f"    mptcp: {'true' if s.server_mptcp else 'false'}",
                  "    servers:", *(f'      - "{q(*hp)}"' for hp in servers)]
        y.append("listeners:")
        for name, port in listeners.items():
            y += [f"  - name: {name}", f"    port: {port}", f"    pool: {name}", "    mptcp: true"]
        y += ["mptcp:", f"  checksum: {'true' if s.checksum else 'false'}", "  subflows: 8"]
        if s.signal:
            y += ["  signal:", *(f'    - address: "{self.gw_addr(i)}"'
                                 for i in range(1, s.paths))]
        y += ["tcp:", "  congestion: cubic", f"  time_wait_ms: {s.time_wait_ms}",
              "control:", f"  socket: {self.socket}", f"  drain_ms: {s.drain_ms}"]
        return "\n".join(y) + "\n"

    def start_gate(self, timeout=60):
        """Write the configuration, start mpgate in gw and wait until it serves."""
        binary = self.build / "app/mpgate/mpgate"
        if not binary.exists():
            raise LabError(f"{binary} is missing: build it first (scripts/test unit)")
        huge = Machine.hugepages(512 * self.spec.workers)
        cfg = self.tmp / "mpgate.yaml"
        cfg.write_text(self.config(hugepages=huge))
        env = dict(os.environ)
        env.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        self.gate = self.start("gw", binary, "-c", cfg, name="mpgate", pin=False, env=env)
        try:
            wait_for("mpgate: ready", lambda: "mpgate: ready" in self.gate.out()
                     or not self.gate.alive(), timeout)
        except LabError as e:
            raise LabError(f"{e}\n{self.gate_log()}") from None
        if not self.gate.alive():
            raise LabError(f"mpgate ended with exit code {self.gate.p.returncode}:\n"
                           f"{self.gate_log()}")
        if self.spec.port == "memif":
            self.start_testpmd()
        self.mbufs_free = self.free_mbufs()
        if self.spec.port == "tap":
            for dev in self.gw_devs():
                self.nft("gw", f"delete table netdev fwd_t{dev}", check=False)
                self.nft("gw", f"delete table netdev fwd_{dev}", check=False)
                self.ip("gw", "link", "set", f"t{dev}", "up")
                self._forward("gw", dev, f"t{dev}")
        if self.spec.napi_thread:
            # A port of one queue belongs to the worker that its place in the configuration names.
            for i, dev in enumerate(self.gw_devs()):
                self.run("gw", REPO / "scripts/napi-thread", "--core",
                         self.cores[i % self.spec.workers], dev)

    def gate_log(self, lines=60):
        try:
            text = (self.gate.out() + self.gate.err()).splitlines() if self.gate else []
        except FileNotFoundError:  # the lab is down already
            text = self.last_log
        return "\n".join(text[-lines:])

    def stop_gate(self, timeout=30):
        """SIGTERM; returns the exit code."""
        code = self.gate.stop(timeout=timeout)
        self.last_log = (self.gate.out() + self.gate.err()).splitlines()
        self.procs.pop("mpgate", None)
        return code

    def ctl(self, *args, json_out=True, timeout=60):
        r = subprocess.run([str(self.build / "app/mpgatectl/mpgatectl"), "--socket",
                            str(self.socket), *(["--json"] if json_out else []),
                            *map(str, args)], capture_output=True, text=True, timeout=timeout,
                           check=False)
        if r.returncode:
            raise LabError(f"mpgatectl {' '.join(map(str, args))}: exit {r.returncode}: "
                           f"{r.stderr.strip() or r.stdout.strip()}")
        return json.loads(r.stdout) if json_out else r.stdout

    def counters(self):
        return self.ctl("show", "counters")["total"]

    def subflows(self, leg="client"):
        rows = self.ctl("show", "subflows")
        rows = rows.get("subflows", rows) if isinstance(rows, dict) else rows
        return [r for r in rows if leg is None or r.get("leg", leg) == leg]

    def path_of(self, row):
        """Which path a row of show subflows uses, by the client's address."""
        addr = row["remote"].rsplit(":", 1)[0].strip("[]")
        return next((i for i in range(self.spec.paths)
                     if addr in (self.client_addr(i, 4), self.client_addr(i, 6))), None)

    def wait_idle(self, timeout=20):
        self.ctl("wait", "idle", "--time-wait", "--timeout", timeout, json_out=False,
                 timeout=timeout + 10)
        wait_for("packet buffers are back", lambda: self.mbufs_free - self.free_mbufs()
                 <= self.MBUFS_OF_DRIVER[self.spec.port] * len(self.gw_devs()), timeout)

    def free_mbufs(self):
        return self.ctl("show", "status")["memory"]["mbufs_free"]

    # paths

    def path_bytes(self, path):
        """(received, sent) octets at the client's end of a path."""
        st = json.loads(self.ip("client", "-s", "-j", "link", "show", "dev", f"p{path}"))
        return st[0]["stats64"]["rx"]["bytes"], st[0]["stats64"]["tx"]["bytes"]

    def all_bytes(self):
        return sum(sum(self.path_bytes(i)) for i in range(self.spec.paths))

    def _rule(self, name, dev, rule):
        self.nft("net", f"table netdev {name} {{ chain c {{ type filter hook ingress device {dev} "
                        f"priority 0; {rule}; }}; }};")

    def _unrule(self, name):
        self.nft("net", f"table netdev {name}\ndelete table netdev {name}")

    # "in" is towards the client, "out" from it: the end of the wire where such frames come in
    @staticmethod
    def _ends(path, direction):
        ends = {"in": f"a{path}", "out": f"c{path}"}
        return {d: e for d, e in ends.items() if direction in (d, "both")}

    def cut(self, path, how="drop"):
        """how: drop (silence), client-link (the client loses its carrier), gate-link (mpgate does)."""
        if how == "drop":
            for d, dev in self._ends(path, "both").items():
                self._rule(f"cut{path}{d}", dev, "drop")
        else:
            self.ip("net", "link", "set", {"client-link": "c", "gate-link": "a"}[how] + str(path),
                    "down")

    def restore(self, path):
        for d in ("in", "out"):
            self._unrule(f"cut{path}{d}")
        self._links_up(path)

    def _links_up(self, path):
        for e in ("a", "c"):
            self.ip("net", "link", "set", f"{e}{path}", "up")
        dev = f"p{path}"
        wait_for(f"carrier on {dev}", lambda: '"LOWER_UP"' in self.ip("client", "-j", "link",
                                                                      "show", "dev", dev))
        # What the client failed to resolve while the link was away must not fail the next test.
        for opt in ("-4", "-6"):
            self.ip("client", opt, "neigh", "flush", "dev", dev, check=False)

    def loss(self, path, percent, direction="both"):
        for d, dev in self._ends(path, direction).items():
            self._unrule(f"loss{path}{d}")
            if percent:
                self._rule(f"loss{path}{d}", dev,
                           f"numgen random mod 1000 < {round(percent * 10)} drop")

    def small_mtu(self, path, mtu):
        """Larger packets towards the client vanish."""
        self._rule(f"mtu{path}", f"a{path}", f"meta length > {mtu} drop")

    STRIP = {"syn": ("out", "tcp flags & (syn | ack) == syn"),
             "synack": ("in", "tcp flags & (syn | ack) == (syn | ack)"),
             "established-in": ("in", "tcp flags & syn == 0"),
             "established-out": ("out", "tcp flags & syn == 0")}

    def strip(self, what, path):
        """Take the MPTCP option out of the packets of a kind (a key of STRIP) on a path."""
        direction, match = self.STRIP[what]
        self._rule(f"strip{path}_{what.replace('-', '_')}",
                   self._ends(path, direction)[direction], f"{match} reset tcp option mptcp")

    def clear(self):
        """Undo cut, loss and strip on every path."""
        for line in self.run("net", "nft", "list", "tables").splitlines():
            name = line.split()[-1]
            if not name.startswith("fwd_"):
                self._unrule(name)
        if not self.spec.direct:
            for i in range(self.spec.paths):
                self._links_up(i)

    # looking

    def nstat(self, ns="client"):
        """The MPTCP counters of a kernel, absolute."""
        text = self.run(ns, "nstat", "-asz", "--json", "MPTcpExt*")
        return json.loads(text)["kernel"]

    @contextlib.contextmanager
    def monitor(self):
        """Yields a function that returns what `ip mptcp monitor` has printed so far."""
        p = self.start("client", "stdbuf", "-oL", "ip", "mptcp", "monitor")
        time.sleep(0.2)  # it says nothing when it is ready
        try:
            yield p.out
        finally:
            p.stop()

    @contextlib.contextmanager
    def capture(self):
        """Capture at every end; on leaving, check what tshark makes of it."""
        files = []
        for ns, dev in [("client", f"p{i}") for i in range(self.spec.paths)] + [("server", "s0")]:
            f = self.tmp / f"{dev}-{self._logs}.pcap"
            p = self.start(ns, "tcpdump", "-Z", "root", "-U", "-B", "32768", "-s", "0", "-i", dev,
                           "-w", f)
            files.append((f, p))
        for _, p in files:
            wait_for("tcpdump listening", lambda p=p: "listening on" in p.err())
        ok = False
        try:
            yield [f for f, _ in files]
            ok = True
        finally:
            for _, p in files:
                p.stop(signal.SIGINT)
            if ok:
                bad = {f.name: t for f, _ in files if (t := tshark_faults(f))}
                if bad:
                    keep = pathlib.Path(tempfile.mkdtemp(prefix="mpgate-pcap-"))
                    for f, _ in files:
                        shutil.copy(f, keep)
                    raise LabError(f"tshark finds faults (captures in {keep}): {bad}")
            for f, _ in files:
                f.unlink(missing_ok=True)

    # transfers

    def transfer_start(self, mode, size, *, mptcp=True, count=1, port=PORT_PEER, path=0, extra=()):
        """Start the client of peer.py; see there for the modes."""
        argv = [PYTHON, PEER, "client", "--host", self.gw_addr(path), "--port", port, "--mode", mode,
                "--size", size, "--count", count, *(["--mptcp"] if mptcp else []), *extra]
        return self.start("client", *argv)

    @staticmethod
    def transfer_result(proc, timeout=120):
        code = proc.wait(timeout)
        try:
            return json.loads(proc.out())
        except ValueError:
            raise LabError(f"the client ended with {code}: {proc.err()[-800:]}") from None

    def transfer(self, mode, size, **kw):
        """Run a transfer to its end. Returns a list, one dict a connection; all must be ok."""
        return self.transfer_end(self.transfer_start(mode, size, **kw),
                                 60 + (size * kw.get("count", 1) >> 19))

    def transfer_end(self, proc, timeout=120):
        """Wait for what transfer_start() started; all its connections must be ok."""
        res = self.transfer_result(proc, timeout)
        bad = [r for r in res if not r["ok"]]
        if bad:
            raise LabError(f"{len(bad)} of {len(res)} transfers failed: {bad[0]}\n"
                           f"mpgate's subflows now: {json.dumps(self.subflows(None))[:3000]}")
        return res

    def wait_moved(self, since, octets, timeout=30, path=None):
        """Wait until that many octets more than `since` went over a path (or all), both ways."""
        count = self.all_bytes if path is None else lambda: sum(self.path_bytes(path))
        wait_for(f"{octets} octets on the wire", lambda: count() - since >= octets, timeout)

    INJECT = ("import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW);"
              "s.bind((sys.argv[1], 0)); [s.send(bytes.fromhex(x)) for x in sys.stdin]")

    def inject(self, frames, path=0):
        """Send raw frames from the client's end of a path."""
        self.run("client", PYTHON, "-c", self.INJECT, f"p{path}",
                 stdin="".join(f.hex() + "\n" for f in frames))

    def macs(self, path=0):
        """(client's, mpgate's) Ethernet addresses on a path."""
        gw = ("t" if self.spec.port == "tap" else "") + f"mpg{path}"
        return tuple(json.loads(self.ip(ns, "-j", "link", "show", "dev", d))[0]["address"]
                     for ns, d in (("client", f"p{path}"), ("gw", gw)))


def tshark_faults(pcap, count=5):
    """The first packets of a capture that tshark finds malformed or with a wrong checksum.

    0xffff is a right TCP checksum where 0 is one; tshark minds, and kernels do send it. The payload
    is random octets; no port (a client's is any) and no guess makes them a protocol of tshark's:
    some find random octets malformed, others put all of a stream together anew for each segment.
    """
    return sh("tshark", "-r", pcap, "-d", "tcp.port==1-65535,data", "-o",
              "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
              "_ws.malformed || ip.checksum.status == 0 || "
              "(tcp.checksum.status == 0 && tcp.checksum != 0xffff)",
              timeout=300).strip().splitlines()[:count]


def exit_on_signals():
    """SIGTERM and SIGHUP end the program as Ctrl-C does, so that the lab is taken down."""
    def stop(signum, _frame):
        sys.exit(128 + signum)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)
