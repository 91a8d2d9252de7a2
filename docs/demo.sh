#!/bin/sh
# The main job on embedded data: train, generate, paint, score; called by `make demo`.
# DEMO_IMAGES is the training budget in images shown; each call writes into a new folder below demo_output.
set -eu

GANSTYLE=${GANSTYLE:-ganstyle}
PYTHON=${PYTHON:-python3}
IMAGES=${DEMO_IMAGES:-9000}
STYLES=${DEMO_STYLES:-"monet van_gogh hiroshige"}

mkdir -p demo_output
number=1
while ! mkdir "demo_output/$(printf %04d "$number")" 2>/dev/null; do
  number=$((number + 1))
  [ "$number" -lt 10000 ] || { echo "error: demo_output can't be written"; exit 6; }
done
OUT=demo_output/$(printf %04d "$number")

step() {
  printf '\n%s\n' "\$ ganstyle $*"
  "$GANSTYLE" "$@"
}

step version
# One thread: at this size two are little faster alone, and much slower on a machine that does something else as well.
step train --arch dcgan --loss bce --images "$IMAGES" --set train.threads=1 --runs "$OUT/runs"
RUN=$OUT/runs/0001-dcgan
step generate "$RUN" --count 64 --out "$OUT/generated"

mkdir "$OUT/photos"
"$PYTHON" -c 'from ganstyle.data.embedded import embedded_pictures as found; print(*found("photos"), sep="\n")' |
  head -n 2 | while read -r photo; do cp "$photo" "$OUT/photos/"; done
set --
for style in $STYLES; do set -- "$@" --style "$style"; done
step transfer "$OUT/photos" "$@" --out "$OUT/paintings"
step transfer "$OUT/photos" "$@" --sheet --out "$OUT/sheets"

{
  step eval "$RUN" --metric ssim,fd_efficientnet_lite0,kid_efficientnet_lite0 --count 45
  step eval --pairs "$OUT/paintings" "$OUT/photos" --metric ssim,psnr
} >"$OUT/scores.txt"
cat "$OUT/scores.txt"

cat <<END

Done. Look at
  training      $RUN/previews
  generated     $OUT/generated
  paintings     $OUT/paintings
  all styles    $OUT/sheets
  scores        $OUT/scores.txt
END
