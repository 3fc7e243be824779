"""HTTP, behind a seam of three verbs. Nothing of aiohttp gets out of this package."""

from multicart_async.transport._aiohttp import AiohttpTransport, Network
from multicart_async.transport._gzip import codings
from multicart_async.transport._proxy import SOCKS_ADVICE, is_proxy_url
from multicart_async.transport._seam import ByteStream, Form, Response, Transport

__all__ = [
    "SOCKS_ADVICE",
    "AiohttpTransport",
    "ByteStream",
    "Form",
    "Network",
    "Response",
    "Transport",
    "codings",
    "is_proxy_url",
]
