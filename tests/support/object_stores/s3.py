"""Buckets of servers that speak S3, and the few calls that obstore lacks, signed as AWS documents it (SigV4)."""

from __future__ import annotations

import hashlib
import hmac
import re
import urllib.request
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

import attrs

from support.object_stores.running import StoreBucket

__all__ = ["ACCESS_KEY", "REGION", "SECRET_KEY", "S3Bucket", "s3_call"]

ACCESS_KEY = "AKIATESTINGTESTING00"
SECRET_KEY = "testing/secret+key"
REGION = "us-east-1"
_SIGNED = "host;x-amz-content-sha256;x-amz-date"
_NO_BODY = hashlib.sha256(b"").hexdigest()


@attrs.frozen
class S3Bucket(StoreBucket):
    """A bucket, and the keys for it."""

    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    @property
    def location(self) -> str:
        return f"s3://{self.name}"

    def options(self) -> dict[str, str]:
        return {
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "endpoint": self.endpoint,
            "region": REGION,
            "virtual_hosted_style_request": "false",
            "allow_http": "true",
        }

    def uploads(self) -> list[str]:
        answer = s3_call("GET", f"{self.url}/{self.name}", "uploads=")
        return re.findall(r"<Upload>.*?<Key>(.*?)</Key>", answer, re.DOTALL)

    def with_wrong_key(self) -> Self:
        return attrs.evolve(self, secret_key="wrong")

    @classmethod
    def create(cls, name: str, url: str) -> S3Bucket:
        """Make a new bucket on the server."""
        s3_call("PUT", f"{url}/{name}")
        return cls(name, url)


def s3_call(method: str, url: str, query: str = "") -> str:
    """Send one signed request without a body, and return the body of the answer."""
    parts, now = urlsplit(url), datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    headers = {"host": parts.netloc, "x-amz-content-sha256": _NO_BODY, "x-amz-date": now}
    rows = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{parts.path}\n{query}\n{rows}\n{_SIGNED}\n{_NO_BODY}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
    )
    return _sent(urllib.request.Request(f"{url}?{query}" if query else url, method=method, headers=headers))


def _sent(request: urllib.request.Request) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return str(answer.read(), "utf-8")
