# Every command sets up what it needs; `make demo` and `make test` are all a newcomer needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORLD ?= generated
LASTFM_DIR ?= data/hetrec2011-lastfm-2k
SEED ?= 31337
SHARE ?= 1
TEST_PROCESSES ?= 2
OUT ?= $(if $(filter generated,$(WORLD)),out/demo,out/$(basename $(notdir $(patsubst %/,%,$(WORLD)))))

BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo experiment days ratings workshop shop nightly serve ladder test test-nightly lint bench bench-sim bench-serve bench-train bench-quality bench-ratings bench-analyze bench-watch bench-ship kill-ship calibrate soak docs docs-serve spark-package clean bench-web web mlflow airflow bench-shop

setup: $(READY)

# torch first and alone: the rest must find it installed, not choose a build of its own.
$(READY): pyproject.toml constraints.txt
	@echo "set-up: making .venv and installing pinned packages"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python -m pipeline.demo --world $(WORLD) --lastfm-dir $(LASTFM_DIR) --seed $(SEED) --out $(OUT)

# The same at full scale, with the ladder and the time of each stage: 10,000 users, 50,000 tracks.
experiment: $(READY)
	@$(BIN)/python -m pipeline.experiment --world $(WORLD) --lastfm-dir $(LASTFM_DIR) --seed $(SEED)

# The daily loop: serve, explore, learn at night, serve what was learned. Ten minutes.
days: $(READY)
	@$(BIN)/python -m pipeline.daily --seed $(SEED)

# Ratings of MovieLens where BOTIFY_DATA or movielens/ has them, else generated ones, to a model and
# a service on port 5000: GET /reco.
ratings: $(READY)
	@$(BIN)/python script/reco_api.py

# Ratings in PostgreSQL, users in MongoDB, items in Redis, and a page on port 5001; on this machine.
workshop: $(READY)
	@$(BIN)/python -m pipeline.workshop

# A generated shop, its visitors, and the verdict on what was recommended. Two minutes. With
# EVENTS=PATH, real events happen again instead.
shop: $(READY)
	@$(BIN)/python -m pipeline.shop --seed $(SEED) $(if $(EVENTS),--events $(EVENTS) --out out/shop-replay)

# A week of nights of a generated shop, three of which go wrong, beside a running service.
nightly: $(READY)
	@$(BIN)/python -m pipeline.week --seed $(SEED)

# Runs and registered lists, on port 5500: MLFLOW_TRACKING_URI, or the file out/mlflow/mlflow.db.
mlflow: $(READY)
	@$(BIN)/python -m pipeline.tracking.server

# The nights on a schedule, on port 8081; Airflow has an environment of its own, .venv-airflow.
airflow: $(READY) .venv-airflow/.ready
	@.venv-airflow/bin/python pipeline/airflow/local.py

.venv-airflow/.ready: pipeline/airflow/constraints.txt
	@echo "set-up: making .venv-airflow"
	@$(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/python -m pip install --quiet --disable-pip-version-check -r pipeline/airflow/constraints.txt
	@touch .venv-airflow/.ready

# The site, on port 8080: sign in, rate, see why. MovieLens of BOTIFY_DATA or movielens/, else
# invented films.
web: $(READY)
	@$(BIN)/python -m web.deploy.local

serve: $(READY)
	@$(BIN)/botify serve --data-dir $(OUT)

test: $(READY)
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# The long forms that `make test` leaves out.
test-nightly: $(READY)
	@$(BIN)/python -m pytest -q -m nightly

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The site of the docs, in out/docs; it opens from files and asks the network for nothing.
docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "built out/docs/index.html"

docs-serve: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --no-strict --dev-addr 127.0.0.1:8090

# Every recommender on the same listeners; the world and its lists must be there: `make demo`.
ladder: $(READY)
	@$(BIN)/botify-sim ladder --config $(OUT)/world/env.yml --lists $(OUT)/lists --chains config/botify.yml --data-dir $(OUT) --plot $(OUT)/ladder.svg
	@echo "drew $(OUT)/ladder.svg"

# The figures of docs/benchmarks/ for the demo's world; it must be there: `make demo`.
bench: ladder bench-sim bench-serve
	@$(BIN)/python -m bench.lists.neighbours --data $(OUT)

bench-sim: $(READY)
	@$(BIN)/python -m bench.simulate
	@$(BIN)/python -m bench.simulate.driver --data $(OUT)

# The service under load, beside simpler services; makes its own data. Needs wrk.
bench-serve: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(BIN)/python -m bench.serve

# The trainer beside the plain dense loop; makes its own data. Finished parts are kept.
bench-train: $(READY)
	@$(BIN)/python -m bench.train

# Every model on the public data sets of BOTIFY_DATA; takes hours, and resumes where it was stopped.
bench-quality: $(READY)
	@$(BIN)/python -m bench.quality

# The shop face under load, beside a plain shop of three services; makes its own data. Needs wrk.
bench-shop: $(READY)
	@$(BIN)/python -m bench.shop.serving

# Models of ratings on the public data sets of BOTIFY_DATA, beside scikit-surprise in its own venv.
bench-ratings: $(READY)
	@$(BIN)/python -m bench.ratings
	@$(BIN)/python -m bench.ratings.face
	@$(BIN)/python -m bench.ratings.stores

# The rows of the site beside popular items, on the public data sets of BOTIFY_DATA.
bench-web: $(READY)
	@$(BIN)/python -m bench.web

# A million sessions to a report, beside pandas; makes its own data.
bench-analyze: $(READY)
	@$(BIN)/python -m bench.verdict.analyze

# The cost of following an experiment behind ten million lines; makes its own data.
bench-watch: $(READY)
	@$(BIN)/python -m bench.verdict.watch

# Shipping to HDFS, beside the plain client.
bench-ship: $(READY)
	@$(BIN)/python -m bench.ship

# Kills the shipper 40 times while its logs and its target are changed by others.
kill-ship: $(READY)
	@$(BIN)/python -m bench.ship.kills

# Calibrates the verdict: 5,000 experiments with a known effect, then up to 2,000 tests of each
# difficult scenario, 100 of each spoilt log. SHARE=0.1 runs a tenth of all of them.
calibrate: $(READY)
	@$(BIN)/python -m bench.verdict.calibrate --share $(SHARE) --plot out/calibrate/calibration.svg
	@$(BIN)/python -m bench.verdict.scenarios --share $(SHARE) --out out/calibrate/scenarios.jsonl

# Ten minutes at 80 % of the service's capacity.
soak: $(READY)
	@$(BIN)/python -m bench.serve.soak

# Everything that spark-submit needs, in out/spark: docs/how-to/analyse-on-spark.md.
spark-package:
	@rm -rf out/spark && mkdir -p out/spark
	@$(PYTHON) -m venv out/spark/environment
	@out/spark/environment/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@out/spark/environment/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[offline]'
	@cp offline/cli.py out/spark/botify_offline.py
	@tar -czf out/spark/environment.tar.gz -C out/spark/environment .
	@echo "made out/spark/environment.tar.gz and out/spark/botify_offline.py"

clean:
	rm -rf .venv .venv-airflow out
	find botify contract offline pipeline script sim -name __pycache__ -prune -exec rm -rf {} +
