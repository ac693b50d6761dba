# One image for workers, producers, the replica and the HTTP service; the command says which.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 tidecast && install -d -o tidecast -g tidecast /state
WORKDIR /app

# torch without CUDA is 200 MB instead of 5 GB: name an index of such builds in TORCH_INDEX.
ARG TORCH_INDEX=""
COPY requirements.lock requirements-torch.txt ./
RUN pip install --no-cache-dir -r requirements.lock \
    && pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r requirements-torch.txt

COPY errors.py text.py version.py ./
COPY settings settings
COPY commands commands
COPY records records
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

# By number, so that an orchestrator can see that it is not root.
USER 1000
ENV STATE_DIR=/state PYTHONUNBUFFERED=1
VOLUME /state
CMD ["python", "-m", "streams", "worker"]
