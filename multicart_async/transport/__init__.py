"""HTTP, behind a seam of three verbs. Nothing of aiohttp gets out of this package."""

from multicart_async.transport._aiohttp import AiohttpTransport, Network
from multicart_async.transport._seam import ByteStream, Form, Response, Transport

__all__ = ["AiohttpTransport", "ByteStream", "Form", "Network", "Response", "Transport"]
