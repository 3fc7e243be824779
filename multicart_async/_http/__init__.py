"""HTTP behind the `Transport` protocol. No class or exception of aiohttp leaves this package."""

from multicart_async._http.aiohttp_proxy import SOCKS_ADVICE, Proxy, seal_proxy
from multicart_async._http.aiohttp_transport import AiohttpTransport, NetworkOptions
from multicart_async._http.gzip_decoder import codings
from multicart_async._http.transport import ByteStream, MultipartForm, Response, Transport

__all__ = [
    "SOCKS_ADVICE",
    "AiohttpTransport",
    "ByteStream",
    "MultipartForm",
    "NetworkOptions",
    "Proxy",
    "Response",
    "Transport",
    "codings",
    "seal_proxy",
]
