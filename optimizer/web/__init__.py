"""The HTTP service: the contract of an existing client, over a real socket."""

from optimizer.web.app import close_app, create_app

__all__ = ["close_app", "create_app"]
