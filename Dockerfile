# One image for workers, producers, the replica and the HTTP service; the command says which.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 tidecast && install -d -o tidecast -g tidecast /state
WORKDIR /app

# Nothing that runs here fits a market model: no torch, no XGBoost.
COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock

COPY errors.py text.py version.py ./
COPY settings settings
COPY commands commands
COPY records records
COPY review review
COPY broker broker
COPY marketdata marketdata
COPY models models
COPY evaluation evaluation
COPY history history
COPY state state
COPY producers producers
COPY streams streams
COPY monitoring monitoring
COPY optimizer optimizer
COPY backtest backtest
# The user below may not write beside the sources, and every start would compile them again.
RUN python -m compileall -q .

# By number, so that an orchestrator can see that it is not root.
USER 1000
ENV STATE_DIR=/state PYTHONUNBUFFERED=1
VOLUME /state
CMD ["python", "-m", "streams", "worker"]
