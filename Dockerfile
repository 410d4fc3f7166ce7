# The online service alone: no torch, no simulator, no sources in the final image.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY LICENSE README.md constraints.txt pyproject.toml ./
# The service's dependencies before its own code, so that a change of code reuses this layer.
# The environment has no pip of its own; it is filled from outside. Of numpy, a quarter is tests.
RUN mkdir botify contract && touch botify/__init__.py contract/__init__.py \
    && python -m venv --without-pip /opt/botify \
    && pip --python /opt/botify install --no-cache-dir --constraint constraints.txt '.[service]' \
    && find /opt/botify -name tests -type d -prune -exec rm -r {} + \
    && rm -r botify contract build *.egg-info
COPY contract contract
COPY botify botify
RUN pip --python /opt/botify install --no-cache-dir --no-deps --force-reinstall .

FROM python:3.11.13-slim-bookworm
# A volume that is mounted on an empty /app/log takes over its owner.
RUN useradd --system --user-group --uid 10001 botify \
    && install --directory --owner botify --group botify /app/log
COPY --from=build /opt/botify /opt/botify
COPY config/botify.yml /app/config/botify.yml
ENV PATH=/opt/botify/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER botify
EXPOSE 5001
# Not by urllib, which would ask the proxy where the environment names one.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD python -c "import http.client as h; c = h.HTTPConnection('127.0.0.1', 5001, timeout=3); c.request('GET', '/health/live'); exit(c.getresponse().status != 200)"
# Health and metrics are on port 15001 as well, for those inside the network: it is not published.
# Recommenders share the log volume, so each has a directory of its own there.
CMD ["sh", "-c", "exec botify serve --config config/botify.yml --host 0.0.0.0 --operations-host 0.0.0.0 --data-dir /data --log-dir /app/log/recommender-${HOSTNAME:?}"]
