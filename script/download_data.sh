#!/usr/bin/env bash
# Gets MovieLens data sets into ./movielens: says where each is, and fetches those that are asked for.
#
#   bash script/download_data.sh              ml-1m
#   bash script/download_data.sh ml-10m ml-20m
#   bash script/download_data.sh --list
#
# The licence of these data lets one use them for research, and not pass them on.
set -euo pipefail

base="https://files.grouplens.org/datasets/movielens"
into="movielens"

# name, archive, folder in it, file of ratings, megabytes
sets="ml-100k ml-100k.zip ml-100k u.data 5
ml-1m ml-1m.zip ml-1m ratings.dat 6
ml-10m ml-10m.zip ml-10M100K ratings.dat 63
ml-20m ml-20m.zip ml-20m ratings.csv 190
ml-latest-small ml-latest-small.zip ml-latest-small ratings.csv 1"

list() {
    while read -r name archive folder ratings megabytes; do
        there=""
        if [ -f "$into/$folder/$ratings" ]; then there=" (there)"; fi
        echo "$name: $base/$archive, $megabytes MB -> $into/$folder/$ratings$there"
    done <<< "$sets"
}

fetch() {
    local name archive folder ratings megabytes partial
    read -r name archive folder ratings megabytes <<< "$(grep "^$1 " <<< "$sets" || true)"
    if [ -z "$name" ]; then
        echo "no data set $1; there are:" >&2
        list >&2
        exit 2
    fi
    if [ -f "$into/$folder/$ratings" ]; then
        echo "$name is there: $into/$folder/$ratings"
        return
    fi
    mkdir -p "$into"
    partial="$into/$archive.part"
    echo "fetching $base/$archive, $megabytes MB"
    if ! curl --fail --location --silent --show-error --output "$partial" "$base/$archive"; then
        rm -f "$partial"
        echo "could not fetch it: get $base/$archive by other means, and unpack it in $into/" >&2
        exit 1
    fi
    python3 -m zipfile -e "$partial" "$into"
    rm -f "$partial"
    echo "$name -> $into/$folder/$ratings"
}

case "${1:-}" in
--list)
    list
    exit 0
    ;;
-h | --help)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
-*)
    echo "no option $1: there are --list and --help" >&2
    exit 2
    ;;
esac
for name in "${@:-ml-1m}"; do
    fetch "$name"
done
