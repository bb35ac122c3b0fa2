"""Stands in for pyzmq where that is not installed: a DEALER that speaks ZMTP 3.0 with mechanism NULL over one ipc socket."""
import socket
import struct

DEALER = 5
MORE, LONG, COMMAND = 1, 2, 4
Again = TimeoutError


class Context:
    def socket(self, kind):
        if kind != DEALER:
            raise ValueError("this stand-in for pyzmq knows DEALER alone; install pyzmq for others")
        return Socket()


class Socket:
    def __init__(self):
        self.peer, self.linger, self.immediate, self.rcvtimeo, self.read = None, 0, 0, -1, b""

    def connect(self, endpoint):
        if not endpoint.startswith("ipc://"):
            raise ValueError(f"this stand-in for pyzmq knows ipc:// alone, not {endpoint}")
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.peer.connect(endpoint.removeprefix("ipc://"))
        self.peer.settimeout(30)
        self.peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.take(64)
        ready = b"\x05READY"
        for name, value in ((b"Socket-Type", b"DEALER"), (b"Identity", b"")):
            ready += bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
        self.frame(COMMAND, ready)
        flags, body = self.next_frame()
        if not (flags & COMMAND and body.startswith(b"\x05READY")):
            raise ConnectionError(f"the peer answered the handshake with {body!r}")

    def take(self, n):
        while len(self.read) < n:
            piece = self.peer.recv(65536)
            if not piece:
                raise ConnectionError("the peer closed the connection")
            self.read += piece
        piece, self.read = self.read[:n], self.read[n:]
        return piece

    def frame(self, flags, body):
        head = bytes([flags | LONG]) + struct.pack(">Q", len(body)) if len(body) > 255 else bytes([flags, len(body)])
        self.peer.sendall(head + body)

    def next_frame(self):
        flags, = self.take(1)
        size = struct.unpack(">Q", self.take(8))[0] if flags & LONG else self.take(1)[0]
        return flags, self.take(size)

    def send(self, data):
        self.frame(0, data)

    def recv(self):
        self.peer.settimeout(self.rcvtimeo / 1000 if self.rcvtimeo >= 0 else 30)
        while True:
            flags, body = self.next_frame()
            if flags & MORE:
                raise ValueError("a message of several frames")
            if not flags & COMMAND:
                return body
            if body.startswith(b"\x04PING"):
                self.frame(COMMAND, b"\x04PONG" + body[7:])

    def close(self):
        self.peer.close()
