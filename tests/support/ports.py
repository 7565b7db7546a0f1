"""Ports for tests that must name one before the server that takes it has started."""

import socket

_held = []


def free_address():
    """An address of this process alone. Until the process ends the port is bound by a socket that never listens: the kernel gives it to
    nobody who asks for any port, and a server, which sets SO_REUSEADDR too, may still take it by name, as often as it likes."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return f"127.0.0.1:{holder.getsockname()[1]}"
