"""The programs and libraries that fetch files, each told the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.race import Contender, python, tool
from harness.site import Site


def _credential(site: Site) -> str:
    return f"x-api-key: {site.account.key}"


def curl(site: Site) -> Contender:
    """curl, one file."""
    trusted = ["--cacert", site.authority] if site.authority else []
    asked = ["-q", "-sS", "--fail", "-H", _credential(site), *trusted, site.pages[0].url]
    return tool("curl", lambda folder: [*asked, "-o", os.fspath(folder / "0.json")])


def parallel_curl(site: Site, at_once: int) -> Contender:
    """`curl -Z`: all files."""
    trusted = ["--cacert", site.authority] if site.authority else []

    def command(folder: Path) -> list[str]:
        orders = "".join(f'url = "{page.url}"\noutput = "{folder}/{n}.json"\n' for n, page in enumerate(site.pages))
        given = _given(site, "curl", orders)
        asked = ["-q", "-sS", "--fail", "-Z", "--parallel-max", str(at_once), "-H", _credential(site), *trusted]
        return [*asked, "-K", given]

    return tool("curl", command, label="curl -Z")


def aria2c(site: Site, at_once: int = 1) -> Contender:
    """aria2c, a connection for each file."""
    trusted = [f"--ca-certificate={site.authority}"] if site.authority else []

    def command(folder: Path) -> list[str]:
        orders = "".join(f"{page.url}\n  out={number}.json\n" for number, page in enumerate(site.pages))
        return [
            *("--no-conf=true", "--quiet=true", "--file-allocation=none", "--max-connection-per-server=1", "--split=1"),
            *(f"--max-concurrent-downloads={at_once}", f"--header={_credential(site)}", *trusted, f"--dir={folder}"),
            f"--input-file={_given(site, 'aria2c', orders)}",
        ]

    return tool("aria2c", command)


def wget2(site: Site, at_once: int = 1) -> Contender:
    """wget2; its names are the service's."""
    trusted = [f"--ca-certificate={site.authority}"] if site.authority else []

    def command(folder: Path) -> list[str]:
        given = _given(site, "wget2", "".join(f"{page.url}\n" for page in site.pages))
        asked = ["-q", "--no-hsts", "--no-ocsp", "--chunk-size=0", f"--max-threads={at_once}", *trusted]
        return [*asked, f"--header={_credential(site)}", f"--directory-prefix={folder}", f"--input-file={given}"]

    return tool("wget2", command)


def rclone(site: Site, at_once: int = 1) -> Contender:
    """`rclone copy`, which does not ask for sizes first; its folders are the service's."""
    root = site.pages[0].url.partition("/results/")[0] + "/results/"
    trusted = [f"--ca-cert={site.authority}"] if site.authority else []

    def command(folder: Path) -> list[str]:
        given = _given(site, "rclone", "".join(f"{page.place}\n" for page in site.pages))
        asked = ["copy", "--quiet", "--config=", f"--http-url={root}", "--http-no-head", "--no-traverse", *trusted]
        limits = [f"--transfers={at_once}", "--multi-thread-streams=0", f"--header={_credential(site)}"]
        return [*asked, *limits, f"--files-from-raw={given}", ":http:", os.fspath(folder)]

    return tool("rclone", command)


def libraries(options: Mapping[str, Any]) -> list[Contender]:
    """The libraries that fetch any number of files."""
    return [
        python("aiohttp at its best", "many_files.best", options),
        python("aiohttp as most write it", "many_files.plain", options),
        python("requests in threads", "many_files.with_requests", options, needs=["requests"], slow=True),
        python("httpx", "many_files.with_httpx", options, needs=["httpx"], slow=True),
        python("parfive", "many_files.with_parfive", options, needs=["parfive"], slow=True),
    ]


def _given(site: Site, name: str, text: str) -> str:
    """A file with orders."""
    place = site.list.with_name(f"orders-{name}")
    place.write_text(text, "utf-8")
    return os.fspath(place)
