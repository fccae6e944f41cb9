"""The proxies of docs/proxy, started for real in front of a running web; each ends with its block."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from loyalty.launch.directories import CHECKOUT

PROXIES = ("caddy", "nginx")


def is_installed(name: str) -> bool:
    return shutil.which(name) is not None


@contextlib.contextmanager
def proxy(name: str, upstream: int) -> Iterator[int]:
    """Run one of them without TLS on a port of its own, in front of the web at `upstream`; yields the port."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as directory:
        command, environment = (_caddy if name == "caddy" else _nginx)(Path(directory), port, upstream)
        log = (Path(directory) / "log").open("w+")
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=directory)
        try:
            _wait(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(10)
            log.close()


def _caddy(directory: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    config = directory / "Caddyfile"
    # Its own address for administration would be everybody's on this machine.
    config.write_text((CHECKOUT / "docs/proxy/Caddyfile").read_text().replace("{\n", "{\n\tadmin off\n", 1))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(directory), "XDG_DATA_HOME": str(directory),
        "SITE_ADDRESS": f"http://localhost:{port}", "UPSTREAM_HOST": "127.0.0.1", "UPSTREAM_PORT": str(upstream),
    }  # fmt: skip
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"], environment


def _nginx(directory: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    site = (CHECKOUT / "docs/proxy/nginx.conf").read_text()
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}").replace("443 ssl http2", f"127.0.0.1:{port}")
    site = re.sub(r"^\s*ssl_.*$", "", site, flags=re.MULTILINE)
    site = re.sub(r"\nserver \{\s+listen 80;.*?\n\}", "", site, flags=re.DOTALL)
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {directory}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n{site}\n}}\n"
    )
    return ["nginx", "-c", str(config), "-p", str(directory)], {"PATH": os.environ["PATH"]}


def _wait(port: int, process: subprocess.Popen[bytes], log: object) -> None:
    deadline = time.monotonic() + 30
    while True:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            line.request("GET", "/healthz", headers={"Host": "localhost"})
            if line.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            line.close()
        log.seek(0)  # type: ignore[attr-defined]
        assert process.poll() is None, log.read()  # type: ignore[attr-defined]
        assert time.monotonic() < deadline, log.read()  # type: ignore[attr-defined]
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
