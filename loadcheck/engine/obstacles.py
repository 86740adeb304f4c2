"""Why a connection could not be made, in a few words, and what to do about it."""

import socket
import ssl
from typing import Final, NamedTuple


class Obstacle(NamedTuple):
    """What is in the way.

    Attributes:
        what: In a few words, with nothing secret in them.
        advice: What to do next.
    """

    what: str
    advice: str


_REFUSED: Final = Obstacle("connection refused", "Is PostgREST running there, on that port? Check --url (target.url).")
NAME: Final = Obstacle("its name is not found", "Check the host's name in --url (target.url).")
_CLOSED: Final = Obstacle("the connection was closed as it was made", "Look at the log of what listens there.")
_NO_TLS: Final = Obstacle("it does not speak TLS", "Write http:// in --url (target.url), or name the port that does.")
_NO_URL: Final = Obstacle("that is not the URL of a server", "Check --url (target.url).")
_NO_WAY: Final = "Is there a way from here to that host, and no firewall in it? Check --url (target.url)."
_TRUST: Final = "Name the host as its certificate does; a certificate of your own is trusted by SSL_CERT_FILE=its.pem."

# What answers an offer of TLS in another protocol has no version or record that could be right.
_ANOTHER_PROTOCOL: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def obstacle(error: BaseException) -> Obstacle:
    """Return what kept a connection from being made."""
    match error:
        case ssl.SSLError():
            return _of_tls(error)
        case ConnectionRefusedError():
            return _REFUSED
        case socket.gaierror() | UnicodeError():
            return NAME
        case ConnectionError():
            return _CLOSED
        case OSError():
            return Obstacle((error.strerror or "no connection").lower(), _NO_WAY)
    return _NO_URL


def _of_tls(error: ssl.SSLError) -> Obstacle:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Obstacle(f"its TLS certificate is refused: {error.verify_message.rstrip('.')}", _TRUST)
    if error.reason in _ANOTHER_PROTOCOL:
        return _NO_TLS
    reason = (error.reason or "no reason told").replace("_", " ").lower()
    return Obstacle(f"TLS failed: {reason}", "Look at the log of what listens there.")
