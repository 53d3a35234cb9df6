"""A line to a server that can be cut and mended, byte for byte, on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Line:
    """Forwards connections from a port of its own to a server's.

    `cut` breaks all connections and refuses new ones until `mend`. `lose_answer_to` lets the server do what a request
    with these bytes asks, and breaks the connection in place of passing the answer on; once.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._sockets: set[socket.socket] = set()
        self._is_cut = False
        self._fatal: bytes | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.lost = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones are broken at once."""
        self._is_cut = True
        self._break_all()

    def mend(self) -> None:
        """Let connections pass again."""
        self._is_cut = False

    def lose_answer_to(self, request: bytes) -> None:
        """Break the connection after the next request with these bytes was answered, before the answer is passed."""
        self._fatal = request

    def close(self) -> None:
        """Break every connection, and listen no more."""
        self._is_cut = True
        self._listener.close()
        self._break_all()

    def _break_all(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            _break(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    _break(client)
                else:
                    self._forward(client)

    def _forward(self, client: socket.socket) -> None:
        server = socket.create_connection(self._server)
        with self._lock:
            self._sockets |= {client, server}
        fatal = threading.Event()
        for source, sink, is_request in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._pump, args=(source, sink, is_request, fatal), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_request: bool, fatal: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_request and self._fatal is not None and self._fatal in data:
                    self._fatal = None
                    fatal.set()
                elif not is_request and fatal.is_set():
                    self.lost.set()
                    break
                sink.sendall(data)
        _break(source)
        _break(sink)


def _break(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def line_to(host: str, port: int) -> Iterator[Line]:
    """A line that is closed at the end."""
    line = Line(host, port)
    try:
        yield line
    finally:
        line.close()
