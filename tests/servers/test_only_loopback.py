"""The firewall of the test process: nothing leaves the machine."""

import socket

import pytest

from tests.servers.only_loopback import is_own
from tests.servers.ports import answers, free_port


@pytest.mark.parametrize("stranger", ["192.0.2.1", "203.0.113.9", "10.255.255.1", "224.0.0.251"])
def test_an_address_of_another_machine_is_refused(stranger: str) -> None:
    """TCP and UDP alike: the refusal comes before the first packet."""
    with socket.socket() as tcp, pytest.raises(PermissionError):
        tcp.connect((stranger, 9))
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(PermissionError):
        udp.sendto(b"x", (stranger, 9))


@pytest.mark.parametrize("own", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "::"])
def test_the_machine_itself_is_reached(own: str) -> None:
    """Loopback in all its spellings stays open."""
    assert is_own(own)


def test_no_name_server_is_asked() -> None:
    """A name of another machine is refused before it is looked up; a written address needs no look-up."""
    with pytest.raises(PermissionError):
        socket.getaddrinfo("example.org", 443)
    assert socket.getaddrinfo("192.0.2.1", 443)
    assert socket.getaddrinfo("localhost", 443)


def test_a_free_port_is_free_until_someone_listens() -> None:
    """`answers` tells a listening port from a free one."""
    port = free_port()
    assert not answers(port)
    with socket.create_server(("127.0.0.1", port)):
        assert answers(port)
