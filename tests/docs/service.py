"""What a managed database looks like from outside: one role behind PgBouncer, and nothing but TLS."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from loadcheck.stack.construction import embedded
from loadcheck.stack.ports import LOOPBACK
from tests.pets import pets

_CERTIFICATE: Final = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={LOOPBACK}")


@asynccontextmanager
async def service() -> AsyncIterator[dict[str, str]]:
    """Keep one for the length of the context, empty; yield what its user has: DSNs, and where PostgREST may listen."""
    with tempfile.TemporaryDirectory(prefix="loadcheck-docs-tls-") as name:
        pooler = {"mode": "transaction", "size": 4, "client_tls_sslmode": "require", **_certificate(Path(name))}
        async with embedded(pets(sql=[], pooler=pooler, stamp=False), Path(name)) as stack:
            port = _free_port()
            pooled = urlsplit(stack.pooled_database)
            owner = urlsplit(stack.database)
            login = owner.netloc.rpartition("@")[0]
            yield {
                "LOADCHECK_DATABASE": owner._replace(
                    netloc=f"{login}@{pooled.hostname}:{pooled.port}", query="sslmode=require"
                ).geturl(),
                "PGRST_DB_URI": pooled._replace(query="sslmode=require").geturl(),
                "PGRST_SERVER_PORT": str(port),
                "LOADCHECK_URL": f"http://localhost:{port}",
            }


def _certificate(folder: Path) -> dict[str, str]:
    """Make a key and a certificate that PgBouncer can read, whoever runs it."""
    openssl = shutil.which("openssl")
    assert openssl
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, *_CERTIFICATE, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    for path in (folder, key, certificate):
        path.chmod(0o755)
    return {"client_tls_key_file": str(key), "client_tls_cert_file": str(certificate)}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port
