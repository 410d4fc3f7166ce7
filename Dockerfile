# The online service alone: no torch, no simulator, no sources in the final image.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY LICENSE README.md constraints.txt pyproject.toml ./
COPY botify botify
RUN python -m venv /opt/botify \
    && /opt/botify/bin/pip install --no-cache-dir --constraint constraints.txt '.[service]'

FROM python:3.11.13-slim-bookworm
# A volume that is mounted on an empty /var/log/botify takes over its owner.
RUN useradd --system --user-group --uid 10001 botify \
    && install --directory --owner botify --group botify /var/log/botify
COPY --from=build /opt/botify /opt/botify
COPY config/botify.yml /app/config/botify.yml
ENV PATH=/opt/botify/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER botify
EXPOSE 5001
# Recommenders share the log volume, so each has a directory of its own there.
CMD ["sh", "-c", "exec botify serve --config config/botify.yml --host 0.0.0.0 --data-dir /data --log-dir /var/log/botify/recommender-${HOSTNAME:?}"]
