"""What tests need to start servers of their own."""

import socket
from urllib.error import URLError
from urllib.request import urlopen


def free_port() -> int:
    """A port that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another one."""
    with_ports = [socket.socket() for _ in range(count)]
    try:
        for each in with_ports:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in with_ports]
    finally:
        for each in with_ports:
            each.close()


def answers(uri: str) -> bool:
    """Whether MLflow's server there is ready."""
    try:
        urlopen(f"{uri}/health").close()
    except URLError:
        return False
    return True
