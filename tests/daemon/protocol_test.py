#!/usr/bin/env python3
"""What docs/PROTOCOL.md says of sockets, feed and queries, by peers without our code: plain bytes of ZMTP, pyzmq, and the page's own trainer.

usage: protocol_test.py SOURCE_DIR BUILD_DIR
"""
import fcntl
import pathlib
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile

import msgpack
import zmq

from crowd_test import Daemon, answer, ask_status, dealer, hello, packed
from resume_test import POLICY


def zmtp_frame(data, command=False):
    return struct.pack(">BQ", 2 | (4 if command else 0), len(data)) + data


def read(connection, n):
    data = b""
    while len(data) < n:
        piece = connection.recv(n - len(data))
        assert piece, "hung up"
        data += piece
    return data


def read_zmtp(connection):
    (flags,) = read(connection, 1)
    size = struct.unpack(">Q", read(connection, 8))[0] if flags & 2 else read(connection, 1)[0]
    return flags, read(connection, size)


def speaks_zmtp_3_0(root):
    """A trainer that is no libzmq: version 3.0, mechanism NULL, one frame for each message."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(root / "s/telemetry"))
        connection.sendall(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        greeting = read(connection, 64)
        assert greeting[10] == 3 and greeting[12:32].rstrip(b"\0") == b"NULL", greeting
        ready = b"".join(struct.pack("B", len(n)) + n + struct.pack(">I", len(v)) + v for n, v in ((b"Socket-Type", b"DEALER"), (b"Identity", b"")))
        connection.sendall(zmtp_frame(b"\x05READY" + ready, command=True) + zmtp_frame(hello("plain")))
        flags, data = read_zmtp(connection)
        assert flags & 4 and data.startswith(b"\x05READY"), data
        flags, data = read_zmtp(connection)
        assert not flags & 1 and msgpack.unpackb(data)["kind"] == "welcome", data


def endpoints_are_locked(root):
    for door in ("telemetry", "operator", "feed"):
        with open(root / f"s/{door}.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
        raise AssertionError(f"{door}.lock is not held")


def a_routing_id_is_not_handed_over(daemon):
    """A second connection of the same routing id takes nothing from the first."""
    first, second = (zmq.Context.instance().socket(zmq.DEALER) for _ in range(2))
    for each in (first, second):
        each.linger, each.rcvtimeo, each.routing_id = 0, 5000, b"same"
    first.connect(daemon.telemetry)
    first.send(hello("routed"))
    assert answer(first, "welcome", "reject")["kind"] == "welcome"
    monitor = second.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    second.connect(daemon.telemetry)
    assert monitor.poll(5000)
    second.send(hello("routed-too"))
    for number in range(2, 6):
        first.send(packed("batch", "routed", number, number, 1, batch=number, wants_control=True, samples=[{"signal": "judge/score", "value": 0.1}]))
        while answer(first, "control")["answers_batch"] != number:
            pass
    assert not second.poll(0)
    second.disable_monitor()


def told_on_the_feed(feed, run, kind):
    while True:
        parts = feed.recv_multipart()
        assert len(parts) == 2, parts
        message = msgpack.unpackb(parts[1])
        assert parts[0].decode() == f"{message['run']}/{message['kind']}", parts
        if (message["run"], message["kind"]) == (run, kind):
            return parts[1], message


def feed_queries_and_file(daemon, root):
    """The feed's bytes, those of a query and those of the run file are the same; who trains the run is in none that a viewer gets."""
    feed = zmq.Context.instance().socket(zmq.SUB)
    feed.linger, feed.rcvtimeo = 0, 5000
    feed.subscribe("")
    monitor = feed.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    feed.connect(f"ipc://{root}/s/feed")
    assert monitor.poll(5000)
    told_on_the_feed(feed, "plain", "status")  # the subscription has arrived
    trainer, operator = dealer(daemon.telemetry), dealer(daemon.operator)
    trainer.send(hello("viewed", session="secret"))
    assert answer(trainer, "welcome", "reject")["kind"] == "welcome"
    _, greeting = told_on_the_feed(feed, "viewed", "hello")
    assert greeting["seq"] == 1 and greeting["session"] == "", greeting
    link, _ = told_on_the_feed(feed, "viewed", "link")
    _, status = told_on_the_feed(feed, "viewed", "status")
    assert status["seq"] == status["last_seq"] == 3, status

    def asked(**more):
        operator.send(packed("query", "viewed", 1, -1, 0, id="q", what="events", **more))
        return answer(operator, "reply")

    page = asked(limit=2)
    assert page["id"] == "q" and page["more"] and page["last_seq"] == 2 and len(page["messages"]) == 2, page
    rest = asked(from_seq=3)
    assert not rest["more"] and rest["last_seq"] == 3 and rest["messages"] == [link], rest
    for told in page["messages"] + rest["messages"]:
        assert b"secret" not in told and b"sha256:" not in told, told
    with sqlite3.connect(f"file:{root}/runs/viewed.phaseguard?mode=ro", uri=True) as db:
        bodies = [row[0] for row in db.execute("SELECT body FROM events ORDER BY seq")]
    assert bodies[2] == link and b"secret" not in bodies[0] and b"sha256:" in bodies[0], bodies
    feed.disable_monitor()


def a_record_is_tried_again(daemon, root):
    bad = root / "runs/later.phaseguard"
    bad.write_bytes(b"no run file" * 100)
    trainer = dealer(daemon.telemetry)
    trainer.send(hello("later"))
    told = answer(trainer, "welcome", "reject")
    assert told["kind"] == "reject" and told["code"] == "record" and told["retry"], told
    bad.unlink()
    trainer.send(hello("later"))
    assert answer(trainer, "welcome", "reject")["kind"] == "welcome"


def the_page_s_trainer(source, daemon):
    """It may be started again and again, and gets the next attempt each time."""
    page = (source / "docs/PROTOCOL.md").read_text()
    script = re.search(r"A trainer of a few lines.*?```python\n(.*?)```", page, re.S).group(1)
    script = re.sub(r"ipc:///run/user/\d+/phaseguard/telemetry", daemon.telemetry, script)
    for attempt in (1, 2):
        done = subprocess.run([sys.executable, "-c", script + "print(welcome['kind'], welcome['attempt'])\nsocket.close(500)\n"],
                              capture_output=True, text=True, timeout=30)
        assert done.stdout == f"welcome {attempt}\n", done


def main():
    source, build = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="pgw-") as folder:
        root = pathlib.Path(folder)
        (root / "policy.toml").write_text(POLICY.replace('request = "rollback"\n', ""))
        with Daemon(build / "bin/phaseguardd", root, 16) as daemon:
            ask_status(daemon.operator)
            speaks_zmtp_3_0(root)
            endpoints_are_locked(root)
            a_routing_id_is_not_handed_over(daemon)
            feed_queries_and_file(daemon, root)
            a_record_is_tried_again(daemon, root)
            the_page_s_trainer(source, daemon)
    print("ZMTP 3.0 by hand, locks, routing ids, feed, queries and file, a record tried again, the page's trainer twice: as the page says")


if __name__ == "__main__":
    main()
