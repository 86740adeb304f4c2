"""The real nginx with a configuration of the scenario's: `nginx.py --port --upstream --folder SITE`.

SITE is a file of what stands inside `http {}`, with @port@, @upstream@ and @folder@ for the arguments of those names.
nginx is the one that LOADCHECK_NGINX names, on the PATH, where Debian has it, or in the virtual environment, where
`make gallery` puts it.
"""

import argparse
import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MAIN: Final = """
user {user};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{site}
}}
"""
_MISSING: Final = """nginx is not there, and this scenario needs it.
How to get it: apt install nginx-light · brew install nginx · `make gallery` fetches Debian's.
One elsewhere is found through LOADCHECK_NGINX."""


def main(port: int, upstream: str, folder: Path, site: str) -> None:
    program = next((place for place in _places() if place and os.access(place, os.X_OK)), None)
    if program is None:
        sys.exit(_MISSING)
    for name, value in (("port", str(port)), ("upstream", upstream), ("folder", str(folder))):
        site = site.replace(f"@{name}@", value)
    conf = folder / "nginx.conf"
    # Its workers are nobody's by default, who cannot enter this folder.
    conf.write_text(_MAIN.format(user=pwd.getpwuid(os.geteuid()).pw_name, folder=folder, site=site))
    os.execv(program, [program, "-c", str(conf), "-p", str(folder), "-e", "stderr"])  # noqa: S606 -- no shell is wanted


def _places() -> Iterator[str | None]:
    if named := os.environ.get("LOADCHECK_NGINX"):
        yield named
        return
    yield shutil.which("nginx")
    yield "/usr/sbin/nginx"
    yield f"{sys.prefix}/libexec/loadcheck/nginx/usr/sbin/nginx"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="PostgREST's URL")
    parser.add_argument("--folder", type=Path, required=True, help="where it may write")
    parser.add_argument("site", type=Path)
    arguments = parser.parse_args()
    main(arguments.port, arguments.upstream, arguments.folder, arguments.site.read_text())
