#!/bin/sh
# The main job on embedded data: train, generate, transfer, evaluate; called by `make demo`.
# DEMO_IMAGES is the training budget in images shown; OUT the folder, a new one below demo_output by default.
set -eu

GANSTYLE=${GANSTYLE:-ganstyle}
IMAGES=${DEMO_IMAGES:-12000}
OUT=${OUT:-}
if [ -z "$OUT" ]; then
  number=1
  while [ -e "demo_output/$(printf %04d "$number")" ]; do number=$((number + 1)); done
  OUT=demo_output/$(printf %04d "$number")
fi
mkdir -p "$OUT"

step() {
  echo
  echo "--- $*"
  "$@"
}

PHOTOS=$OUT/photos
step "$GANSTYLE" version
step "$GANSTYLE" train --arch dcgan --loss bce --images "$IMAGES" --runs "$OUT/runs"
RUN=$(ls -d "$OUT"/runs/0001-*)
step "$GANSTYLE" generate "$RUN" --count 64 --out "$OUT/generated"
step "$GANSTYLE" data export-photos "$PHOTOS"
