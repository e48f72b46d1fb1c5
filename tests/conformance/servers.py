"""Starts servers for the conformance tests and speaks RESP with them, one raw reply at a time."""

import os
import random
import select
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = range(21000, 24000)


def nuthatch_binary():
    """What `NUTHATCH_TEST_BINARY` names, else what tests/run builds."""
    objects = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    binary = os.environ.get("NUTHATCH_TEST_BINARY") or os.path.join(objects, "test-fast", "nuthatch")
    if not os.path.exists(binary):
        raise SystemExit(f"{binary} is missing: run cargo build -p nuthatch-server --profile test-fast")
    return binary


def reference_binary():
    """What `NUTHATCH_REFERENCE` names, else what `reference 7.2` has put into target/conformance, else the Redis server
    of Debian's redis-tools.

    The package redis-server adds only a service and a link to redis-check-rdb, which is the server when it is called
    by that name.
    """
    objects = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    newer = os.path.join(objects, "conformance", "reference-7.2", "redis-server-7.2")
    if binary := os.environ.get("NUTHATCH_REFERENCE"):
        return binary
    if os.access(newer, os.X_OK):
        return newer
    for folder in os.environ.get("PATH", "/usr/bin").split(os.pathsep):
        for name in ("redis-server", "redis-check-rdb"):
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                return path
    return None


class Server:
    """A server process on a free port, in a directory of its own."""

    def __init__(self, binary, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="nuthatch-conformance-")
        self.log_path = os.path.join(self.folder.name, "log")
        # A wrapper may stand for the binary, so only those of Redis are called by another name.
        name = "redis-server" if os.path.basename(binary).startswith("redis-") else binary
        for _ in range(10):
            self.port = free_port()
            command = [name, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name]
            command += ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]
            command += ["--enable-protected-configs", "yes", *options]
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen(
                    command,
                    executable=binary,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # SORT ALPHA goes by the language; in a container there would be a limit.
                    env={**os.environ, "LC_ALL": "C", "NUTHATCH_MAXMEMORY": "0"},
                )
            if self._is_ready():
                return
            self.stop()
        raise SystemExit(f"{binary} does not start:\n{self.log()}")

    def _is_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.is_alive():
            if "Ready to accept" in self.log():
                return True
            time.sleep(0.01)
        return False

    def is_alive(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def stop(self):
        if self.is_alive():
            # A test may have stopped it.
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def version(self):
        """`(7, 0)`: what `INFO` says of compatibility."""
        info = Connection(self.port).call(b"INFO", b"server").raw.decode()
        version = info.split("redis_version:")[1].split("\r\n")[0]
        return tuple(int(part) for part in version.split(".")[:2])


def free_port():
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Reply:
    """One reply: its bytes, its first line, and what an aggregate holds."""

    __slots__ = ("raw", "line", "children")

    def __init__(self, raw, line, children=()):
        self.raw, self.line, self.children = raw, line, children

    def text(self):
        """What a bulk string or a line holds."""
        if self.line[:1] in b"$=" and self.line != b"$-1":
            return self.raw[len(self.line) + 2 : -2]
        return self.line[1:]


CLOSED = Reply(b"(connection closed)", b"(connection closed)")
SILENT = Reply(b"(no reply)", b"(no reply)")


class Connection:
    def __init__(self, port, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.position = 0
        self.closed = False

    def call(self, *arguments):
        self.send(request(arguments))
        return self.read()

    def calls(self, requests):
        """Many at once."""
        requests = [list(arguments) for arguments in requests]
        self.send(b"".join(request(arguments) for arguments in requests))
        return [self.read() for _ in requests]

    def has_input(self, seconds=0):
        """Whether something is to be read, the end included, or comes in time."""
        return self.closed or self.position < len(self.input) or bool(select.select([self.socket], [], [], seconds)[0])

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def read(self):
        """The next reply; `CLOSED` at the end, `SILENT` if none comes in time, and then the end, too."""
        if self.closed:
            return CLOSED
        try:
            reply = self._reply()
        except (ConnectionResetError, EOFError):
            self.closed = True
            return CLOSED
        except TimeoutError:
            self.closed = True
            return SILENT
        # Keep what was read beyond it.
        self.input, self.position = self.input[self.position :], 0
        return reply

    def close(self):
        self.socket.close()

    def _reply(self):
        start = self.position
        line = self._line()
        kind = line[:1]
        children = ()
        if kind in b"$=!" and line[1:2] != b"-":
            self._take(int(line[1:]) + 2)
        elif kind in b"*~>%" and line[1:2] != b"-":
            count = int(line[1:]) * (2 if kind == b"%" else 1)
            children = [self._reply() for _ in range(count)]
        return Reply(self.input[start : self.position], line, children)

    def _line(self):
        while (end := self.input.find(b"\r\n", self.position)) < 0:
            self._receive()
        line = self.input[self.position : end]
        self.position = end + 2
        return line

    def _take(self, count):
        while len(self.input) < self.position + count:
            self._receive()
        self.position += count

    def _receive(self):
        received = self.socket.recv(1 << 18)
        if not received:
            raise EOFError
        self.input += received


def request(arguments):
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        parts.append(b"$%d\r\n%s\r\n" % (len(argument), argument))
    return b"".join(parts)
