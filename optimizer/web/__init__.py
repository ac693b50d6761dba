"""The HTTP service: the contract of an existing client, over a real socket."""

from optimizer.web.app import create_app

__all__ = ["create_app"]
