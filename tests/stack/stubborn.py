"""A gateway that ignores every polite request to end, and has a child in a session of its own: `stubborn.py PORT`."""

import os
import signal
import socket
import sys
from pathlib import Path

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    Path(sys.argv[2], "child").write_text(str(os.getpid()))
    signal.pause()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()[0].close()
