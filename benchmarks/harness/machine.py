"""The computer: its cores, its folders, the tools that are there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import attrs

MEMORY = Path("/dev/shm")
_OURS = ("MULTICART_API_KEY", "MULTICART_TOKEN", "MULTICART_BASE_URL")
_TRUSTED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")  # requests prefers them to its own


@attrs.frozen
class Cores:
    """Who runs where: the client on the first core, everything else on the second; "-" is anywhere."""

    client: str = "-"
    server: str = "-"

    @classmethod
    def chosen(cls, *, pinned: bool) -> Cores:
        """The first two cores that this process may use; with fewer, or without pinning, any."""
        there = sorted(os.sched_getaffinity(0))
        return cls(str(there[0]), str(there[1])) if pinned and len(there) > 1 else cls()

    def keep_off(self) -> None:
        """Move this process, and what it starts, off the client's core."""
        if self.server != "-":
            os.sched_setaffinity(0, {int(self.server)})


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of everybody who takes part: no proxy, nobody's settings, no progress bars."""
    kept = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    for name in (*_OURS, *_TRUSTED):
        kept.pop(name, None)
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TQDM_DISABLE": "1"}
    return {**kept, **quiet, "HOME": os.fspath(home), "PYTHONDONTWRITEBYTECODE": "1"}


def fast_folder() -> Path:
    """In memory where there is room for it, or else the temporary folder."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def is_in_memory(folder: Path) -> bool:
    """Whether the folder is on a file system that has no disk."""
    found, kind = "", ""
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        _, place, name, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) >= len(found):
            found, kind = place, name
    return kind in {"tmpfs", "ramfs"}


def missing_tool(name: str) -> str | None:
    """Why a program cannot take part, with the package that has it on Debian; ``None`` when it is there."""
    package = {"aria2c": "aria2", "nginx": "nginx-light"}.get(name, name)
    return None if shutil.which(name) else f"{name} is not installed; on Debian: apt-get install {package}"
