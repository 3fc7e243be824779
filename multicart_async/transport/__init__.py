"""HTTP, behind a seam of three verbs. Nothing of aiohttp gets out of this package."""

from multicart_async.transport._aiohttp import AiohttpTransport, Network
from multicart_async.transport._gzip import codings
from multicart_async.transport._proxy import SOCKS_ADVICE, Proxy, seal_proxy
from multicart_async.transport._seam import ByteStream, Form, Response, Transport

__all__ = [
    "SOCKS_ADVICE",
    "AiohttpTransport",
    "ByteStream",
    "Form",
    "Network",
    "Proxy",
    "Response",
    "Transport",
    "codings",
    "seal_proxy",
]
