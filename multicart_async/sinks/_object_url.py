"""URLs of buckets, and the stores of obstore that they stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

from multicart_async._core.short_repr import short_repr
from multicart_async._core.text import as_line
from multicart_async._core.validation import shown_url, wrong_argument
from multicart_async.errors import ArgumentError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["StoreUrl", "location_of", "open_store", "parse_prefix", "parse_url"]

_EXPECTED: Final = "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
_SCHEMES: Final = ("s3", "gs", "az")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,221}\Z")
_SEGMENT: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9!_.*'()=+@,$~ -]+\Z")  # other characters are stored escaped
_CLIENT_OPTIONS: Final = frozenset({
    "allow_http", "allow_invalid_certificates", "connect_timeout", "http1_only", "http2_only", "pool_idle_timeout",
    "pool_max_idle_per_host", "proxy_url", "timeout", "user_agent",
})  # fmt: skip
_LONGEST_PREFIX: Final = 900  # stores allow names of 1,024 bytes
_SHORTEST_SECRET: Final = 4  # characters; shorter values are found in most texts
_CLIENT: Final = {
    "timeout": "120s"
}  # for one request with all its bytes; with 30, as in obstore, slow uplinks always fail
_VARIABLES: Final = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}  # how variables of the environment begin
_RETRY: Final[Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=180)}  # obstore repeats 10 times
_KINDS: Final = {"S3Store": ("s3", "bucket"), "GCSStore": ("gs", "bucket"), "AzureStore": ("az", "container_name")}


class StoreUrl(NamedTuple):
    """The parts of a URL such as ``s3://bucket/prefix``."""

    scheme: str
    bucket: str
    prefix: str


def parse_url(url: object, argument: str) -> StoreUrl:
    """Return the parts of *url*.

    Raises:
        ArgumentError: It is no URL of a bucket, or has a user, a port, a query or a fragment.
    """
    if not isinstance(url, str):
        raise wrong_argument(argument, _EXPECTED, url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _malformed(url, argument) from None
    unusual = parts.query or parts.fragment or not url.isprintable()  # urlsplit drops some characters
    if parts.scheme not in _SCHEMES or unusual or url != url.lstrip() or not _BUCKET.match(parts.netloc):
        raise _malformed(url, argument)
    return StoreUrl(parts.scheme, parts.netloc, parse_prefix(parts.path, argument))


def _malformed(url: str, argument: str) -> ArgumentError:
    reason = f"expected a path, or {_EXPECTED}, got {shown_url(url)!r}"
    return ArgumentError(
        argument, f"{reason}; credentials belong in the environment, options in ObjectStoreSink.from_url"
    )


def parse_prefix(prefix: object, argument: str) -> str:
    """Return *prefix* without slashes around it.

    Raises:
        ArgumentError: It is no string, or has an empty part, ``.`` or ``..``, or characters that stores escape.
    """
    if not isinstance(prefix, str):
        raise wrong_argument(argument, "a string", prefix)
    bare = prefix.strip("/")
    if bare and not all(map(_SEGMENT.match, bare.split("/"))):
        reason = "expected names of letters, digits and !_.*'()=+@,$~-, joined by '/'"
        raise ArgumentError(argument, f"{reason}, got {short_repr(prefix)}")
    if len(bare) > _LONGEST_PREFIX:
        raise ArgumentError(argument, f"expected a prefix of at most {_LONGEST_PREFIX} characters, got {len(bare):,}")
    return bare


def open_store(url: StoreUrl, options: Mapping[str, str]) -> ObjectStore:
    """Return the store for the bucket of *url*; no request is made.

    Raises:
        ArgumentError: An option is unknown or malformed, or a credential is incomplete.
    """
    from obstore.store import from_url  # noqa: PLC0415 -- optional

    _check_options(options)
    config: Any = {name: value for name, value in options.items() if name.lower() not in _CLIENT_OPTIONS}
    client: Any = (
        _CLIENT
        | _client_options(url.scheme)
        | {name.lower(): value for name, value in options.items() if name not in config}
    )
    try:
        return from_url(f"{url.scheme}://{url.bucket}", config=config, client_options=client, retry_config=_RETRY)
    except Exception as error:  # noqa: BLE001 -- those of obstore have no common class
        reason = str(error).partition("\n")[0]
    for value in sorted(options.values(), key=len, reverse=True):
        reason = reason.replace(value, "…") if len(value) >= _SHORTEST_SECRET else reason
    raise ArgumentError("options", f"expected a configuration for {url.scheme}://{url.bucket}: {as_line(reason)}")


def _check_options(options: object) -> None:
    """Raise `ArgumentError` unless *options* are a mapping of strings; their values may be secrets, and are not shown."""
    expected = "expected a mapping of strings to strings"
    if not isinstance(options, Mapping):
        raise ArgumentError("options", f"{expected}, got {type(options).__name__}")
    for name, value in cast("Mapping[object, object]", options).items():
        if not isinstance(name, str) or not isinstance(value, str):
            kinds = f"{type(name).__name__} to {type(value).__name__}"
            raise ArgumentError("options", f"{expected}, got {kinds} for {short_repr(name)}")


def _client_options(scheme: str) -> dict[str, str]:
    """Return the client options in the environment, which obstore reads only if none are given, such as AWS_ALLOW_HTTP."""
    names = {f"{_VARIABLES[scheme]}_{name}".upper(): name for name in _CLIENT_OPTIONS}
    return {names[name]: value for name, value in os.environ.items() if name in names}


def location_of(store: ObjectStore) -> str:
    """Return how messages name *store*: ``s3://bucket/prefix`` for a bucket, else the name of its class."""
    scheme, field = _KINDS.get(type(store).__name__, ("", ""))
    if not scheme:
        return type(store).__name__
    config = cast("Mapping[str, object]", getattr(store, "config"))  # noqa: B009 -- not of every store
    prefix = cast("object", getattr(store, "prefix", None))
    return f"{scheme}://{config.get(field)}" + (f"/{prefix}" if prefix else "")
