"""A client of the application over a state folder with rows as workers write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient

from optimizer.session import Session
from optimizer.web import close_app, create_app
from records import Bars
from settings import Settings
from tests.made.market import trained_row, write_state


@contextmanager
def client_over(folder: Path, bars: Mapping[str, Bars]) -> Iterator[FlaskClient]:
    settings = Settings(_env_file=None, state_dir=folder, price_provider="none", bars_due_hours=0)
    write_state(folder, bars, [trained_row(ticker, held) for ticker, held in bars.items()])
    with Session.open(settings) as session:
        app = create_app(settings, session=session)
        yield app.test_client()
        close_app(app)
