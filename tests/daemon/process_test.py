#!/usr/bin/env python3
"""The real phaseguardd as a process: start, readiness, reload, wrong configuration, a second one, the end.

usage: process_test.py SOURCE_DIR BUILD_DIR
"""
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
DAEMON = BUILD / "bin" / "phaseguardd"
POLICY = SOURCE / "assets/policies/hybrid.toml"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(root, *more, **environment):
    ready = root / "notify"
    ready.unlink(missing_ok=True)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(str(ready))
    s.settimeout(10)
    words = [DAEMON, "--policy", root / "policy.toml", "--runs-dir", root / "runs", "--endpoint-dir", root / "s", *more]
    daemon = subprocess.Popen([str(w) for w in words], stderr=open(root / "log", "ab"),
                              env={**os.environ, "NOTIFY_SOCKET": str(ready), **environment})
    assert s.recv(100) == b"READY=1"
    daemon.told = s
    return daemon


def printed(*words, **environment):
    done = subprocess.run([str(DAEMON), *map(str, words)], capture_output=True, text=True, timeout=10,
                          env={**os.environ, **environment})
    assert done.returncode == 0, (words, done)
    return done.stdout


def refused(code, *words):
    done = subprocess.run([str(DAEMON), *map(str, words)], capture_output=True, text=True, timeout=10)
    assert done.returncode == code, (words, done)
    return done.stderr


def rude_clients(port):
    """40 that begin a request and do not end it, and one that sends a body of 300 MB."""
    half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for client in half_open:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(10)
        try:
            client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n")
            for _ in range(300):
                client.sendall(bytes(1_000_000))
        except OSError:
            pass  # hung up on: as well
    return half_open


def told_for(port, *parts):
    """The status line that a client gets for what it sends, whatever becomes of the rest of it."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(10)
        try:
            for part in parts:
                client.sendall(part)
        except OSError:
            pass
        return client.recv(4096).split(b"\r\n")[0].decode()


def long_heads(port, pid):
    """A head of many lines, and one of a single endless line: told so, counted, and not kept in memory."""
    before = resident_mib(pid)
    lines = [b"GET /metrics HTTP/1.1\r\n"] + [b"x-%d: %s\r\n" % (n, b"v" * 30) for n in range(300)]
    assert told_for(port, *lines) == "HTTP/1.1 431 Request Header Fields Too Large"
    assert told_for(port, b"GET /" + b"x" * 8192) == "HTTP/1.1 431 Request Header Fields Too Large"
    assert told_for(port, b"GET /metrics HTTP/1.1\r\n", b"x: %s\r\n\r\n" % (b"v" * 8000)) == "HTTP/1.1 200 OK"
    assert told_for(port, b"PUT /metrics HTTP/1.1\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed"
    assert told_for(port, b"what?\r\n\r\n") == "HTTP/1.1 400 Bad Request"
    assert told_for(port, b"GET /metrics HTTP/1.1\r\nHost: evil.example:80\r\n\r\n") == "HTTP/1.1 421 Misdirected Request"
    assert told_for(port, b"GET /metrics HTTP/1.1\r\nhost:  LocalHost:%d\r\n\r\n" % port) == "HTTP/1.1 200 OK"
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    for client in clients:
        client.settimeout(10)
        try:
            client.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: v\r\n" % n for n in range(300_000)))
        except OSError:
            pass
    assert resident_mib(pid) < before + 8, "header lines are kept in memory"
    time.sleep(0.6)  # the figures are made anew twice a second
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    refused = int(next(line for line in text.splitlines() if line.startswith("phaseguard_http_refused_total ")).split()[1])
    assert refused >= 4 + len(clients), text


def resident_mib(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def within_the_units_limits(root):
    """Its 1024 seats need no more files, and its threads no more tasks, than assets/systemd allows."""
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, ours[1]), min(8192, ours[1])))
    (root / "log").unlink()
    daemon = start(root, "--http", f"127.0.0.1:{free_port()}")
    assert "seats for trainers, not" not in (root / "log").read_text()
    assert len(list(pathlib.Path(f"/proc/{daemon.pid}/task").iterdir())) < 32  # TasksMax=64
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=5) == 0


def main():
    with tempfile.TemporaryDirectory(prefix="pgd-") as folder:
        root = pathlib.Path(folder)
        (root / "policy.toml").write_text(POLICY.read_text())
        port = free_port()
        daemon = start(root, "--http", f"127.0.0.1:{port}")
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            assert "# TYPE phaseguard_frames_total counter" in text, text
            assert 'phaseguard_seats{door="trainer"}' in text and "phaseguard_loop_longest_turn_seconds" in text, text
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).status == 200
            half_open = rude_clients(port)
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).status == 200
            assert len(half_open) == 40 and resident_mib(daemon.pid) < 200, "a body that nobody asked for is kept in memory"

            long_heads(port, daemon.pid)
            assert "http: request refused" in (root / "log").read_text()
            for client in half_open:
                client.close()

            message = refused(1, "--policy", POLICY, "--runs-dir", root / "r2", "--endpoint-dir", root / "s")
            assert "in use" in message and str(daemon.pid) in message, message

            (root / "policy.toml").write_text(POLICY.read_text().replace("consecutive", "consecutve"))
            daemon.send_signal(signal.SIGHUP)
            for _ in range(100):
                if "the policies in force stay" in (root / "log").read_text():
                    break
                time.sleep(0.05)
            else:
                sys.exit("a wrong policy on SIGHUP was not reported")
            assert daemon.poll() is None
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=5) == 0
        (root / "policy.toml").write_text(POLICY.read_text())

        config = root / "c.toml"
        config.write_text('[daemon]\npolcy = "x"\n')
        message = refused(2, "--config", config)
        assert f"{config}:2:1" in message and "policy" in message, message
        config.write_text("[daemon]\nsilent_s = -1\n")
        assert f"{config}:2:" in refused(2, "--config", config)
        for seats in ("0", "70000", "-1", '"many"', "1.5"):
            config.write_text(f"[daemon]\ntrainer_seats = {seats}\n")
            message = refused(2, "--config", config)
            assert f"{config}:2:" in message and "from 1 to 65536" in message, message
        config.write_text("[daemon\n")
        assert f"{config}:" in refused(2, "--config", config)
        config.write_text("a." * 200_000 + "a = 1\n")
        assert f"{config}:1:32: expected at most 16 parts in a key" in refused(2, "--config", config)
        config.write_text("x = " + "[" * 100_000)
        assert "inside each other" in refused(2, "--config", config)
        os.mkfifo(root / "pipe")
        for odd, what in ((root / "pipe", "a pipe"), ("/dev/zero", "a device"), (root, "a folder")):
            assert f"expected a configuration file (TOML), found {what}" in refused(2, "--config", odd)
            assert f"expected a policy file, found {what}" in refused(2, "--policy", odd)
        assert "is the name right?" in refused(2, "--config", root / "absent.toml")
        with open("/dev/full", "w") as full:
            done = subprocess.run([DAEMON, "--print-config"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=10)
        assert done.returncode == 1 and "could not be written" in done.stderr, done
        assert "absent.toml: expected a policy file, cannot be read" in refused(2, "--policy", root / "absent.toml")
        assert "loopback" in refused(2, "--policy", POLICY, "--telemetry", "tcp://0.0.0.0:5555")
        refused(2, "--no-such-flag")

        os.chmod(root / "s", 0o755)
        message = refused(1, "--policy", POLICY, "--runs-dir", root / "runs", "--endpoint-dir", root / "s")
        assert str(root / "s") in message, message
        os.chmod(root / "s", 0o700)

        # A flag wins over its variable, that over the file, that over the default.
        config.write_text('[daemon]\nlog_level = "error"\nhttp = "127.0.0.1:9101"\nruns_dir = "from-file"\n')
        text = printed("--config", config, "--http", "127.0.0.1:9103", "--print-config",
                       PHASEGUARD_HTTP="127.0.0.1:9102", PHASEGUARD_RUNS_DIR="from-variable")
        for expected in ("127.0.0.1:9103", "from-variable", "'error'", "lost_s = 10.0"):
            assert expected in text, (expected, text)
        text = printed("--print-config", XDG_STATE_HOME="/var/state")
        assert "/var/state/phaseguard/runs" in text, text
        config.write_text(text)
        assert printed("--config", config, "--print-config", XDG_STATE_HOME="/elsewhere") == text
        assert "in order" in printed("--policy", POLICY, "--endpoint-dir", root / "s", "--check")
        units = SOURCE / "assets/systemd"
        assert "policy = " in printed("--config", units / "phaseguardd.toml", "--print-config")

        for unit in (units / "phaseguardd.service", units / "user/phaseguardd.service"):
            lines = unit.read_text().splitlines()
            for wanted in ("Restart=always", "RestartSec=100ms", "StartLimitIntervalSec=0", "LimitNOFILE=8192"):
                assert wanted in lines, (unit, wanted)
        within_the_units_limits(root)

        daemon = start(root, WATCHDOG_USEC="200000")
        assert daemon.told.recv(100) == b"WATCHDOG=1" and daemon.told.recv(100) == b"WATCHDOG=1"
        daemon.send_signal(signal.SIGINT)
        while (word := daemon.told.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1", word
        assert daemon.wait(timeout=5) == 0
    print("phaseguardd as a process: done")


main()
