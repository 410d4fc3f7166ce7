#!/bin/sh
# Start the shop and Prometheus, and say where each is; `sh start_app.sh stop` ends them.
# With Docker, as containers of docker-compose.yml; without it, as programs of this machine, with
# what they print in out/app. The lists are those of out/shop/lists: `make shop` makes some.
set -eu
cd "$(dirname "$0")"
OUT=out/app
BIN=.venv/bin
SHOP=${SHOP_PORT:-8000}
PROMETHEUS=${PROMETHEUS_PORT:-9090}

fail() {
    echo "start_app.sh: $1" >&2
    exit "${2:-1}"
}

# answers URL SECONDS: whether it answers with 200 within so many seconds.
answers() {
    "$PYTHON" - "$1" "$2" <<'END'
import sys, time, urllib.request
until = time.monotonic() + float(sys.argv[2])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
while True:
    try:
        opener.open(sys.argv[1], timeout=3).close()
        break
    except OSError:
        if time.monotonic() > until:
            sys.exit(1)
        time.sleep(0.2)
END
}

# start NAME COMMAND...: in the background, with its output in a file.
start() {
    name=$1
    shift
    if [ -f "$OUT/$name.pid" ] && kill -0 "$(cat "$OUT/$name.pid")" 2> /dev/null; then
        fail "$name runs already: sh start_app.sh stop"
    fi
    nohup "$@" > "$OUT/$name.log" 2>&1 &
    echo $! > "$OUT/$name.pid"
}

# said NAME URL CHECK: where it is, once it answers.
said() {
    answers "$3" 60 || fail "$1 does not answer on $2; see ${4:-$OUT/$1.log}"
    echo "$1: $2"
}

stop() {
    for pid in "$OUT"/*.pid; do
        [ -f "$pid" ] || continue
        kill "$(cat "$pid")" 2> /dev/null || true
        rm "$pid"
    done
}

compose() {
    if docker compose version > /dev/null 2>&1; then
        docker compose --profile shop "$@"
    else
        docker-compose --profile shop "$@"
    fi
}

PYTHON=$BIN/python
[ -x "$PYTHON" ] || PYTHON=$(command -v python3) || fail "no Python: \`make setup\`" 2
in_containers=no
if [ -z "${SHOP_LOCAL:-}" ] && docker info > /dev/null 2>&1; then
    in_containers=yes
fi

case "${1:-start}" in
start) ;;
stop)
    stop
    [ $in_containers = no ] || compose stop shop prometheus redis
    exit 0
    ;;
*) fail "unknown word $1: sh start_app.sh [stop]" 2 ;;
esac

[ -d "${SHOP_DATA:-out/shop/lists}" ] || fail "no lists in ${SHOP_DATA:-out/shop/lists}: \`make shop\` makes some; SHOP_DATA=DIR names yours" 2

if [ $in_containers = yes ]; then
    compose up -d --build shop prometheus
    said "shop" "http://127.0.0.1:8000" "http://127.0.0.1:8000/health/ready" "\`docker-compose logs shop\`"
    said "prometheus" "http://127.0.0.1:9090" "http://127.0.0.1:9090/-/ready" "\`docker-compose logs prometheus\`"
    echo "the owner's page: http://127.0.0.1:8000/shop"
    exit 0
fi

[ -x "$BIN/botify" ] || fail "botify is not installed: \`make setup\`" 2
mkdir -p "$OUT"
start shop "$BIN/botify" serve --config config/shop.yml --data-dir "${SHOP_DATA:-out/shop/lists}" \
    --log-dir "$OUT/log-shop" --port "$SHOP"
said "shop" "http://127.0.0.1:$SHOP" "http://127.0.0.1:$SHOP/health/ready"
echo "the owner's page: http://127.0.0.1:$SHOP/shop"
if command -v prometheus > /dev/null; then
    operations=$((SHOP + 10000))
    [ $operations -le 65535 ] || operations=$((SHOP - 10000))
    cat > "$OUT/prometheus.yml" <<END
global: {scrape_interval: 10s}
rule_files: [../../config/monitoring/prometheus/alerts.yml]
scrape_configs:
  - job_name: botify
    static_configs: [{targets: ["127.0.0.1:$operations"]}]
END
    start prometheus prometheus --config.file="$OUT/prometheus.yml" \
        --storage.tsdb.path="$OUT/prometheus" --web.listen-address="127.0.0.1:$PROMETHEUS"
    said "prometheus" "http://127.0.0.1:$PROMETHEUS" "http://127.0.0.1:$PROMETHEUS/-/ready"
else
    echo "prometheus: not installed, so not started (Debian: prometheus)"
fi
