#!/usr/bin/env bash
# Opens a report card in headless Chromium the way a reader would and fails if it asks the network for
# anything, logs an error, or shows nothing on a wide or a narrow screen.
#   usage: check.sh BROWSER NEUROHM
set -euo pipefail
browser=$1 neurohm=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$neurohm" score generic --quiet --out "$work/run"
page="$work/run/report.html"
[ -s "$page" ] || { echo "score wrote no report.html" >&2; exit 1; }

if grep -nE '(src|href)="(https?:)?//' "$page" | head -n 3 | grep .; then
  echo "the report refers to another host" >&2
  exit 1
fi

flags=(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr)
for size in 1280,1600 390,1600; do
  "$browser" "${flags[@]}" --user-data-dir="$work/profile-$size" --window-size="$size" \
    --screenshot="$work/$size.png" "file://$page" 2>"$work/$size.log" >/dev/null
  if grep -E 'CONSOLE' "$work/$size.log"; then
    echo "the page logs to the console at $size" >&2
    exit 1
  fi
  bytes=$(stat -c %s "$work/$size.png")
  [ "$bytes" -gt 40000 ] || { echo "the page looks empty at $size ($bytes bytes of picture)" >&2; exit 1; }
done

text=$("$browser" "${flags[@]}" --user-data-dir="$work/profile-dom" --dump-dom "file://$page" 2>/dev/null)
for word in "neurohm" "accuracy" "seed"; do
  grep -qi "$word" <<<"$text" || { echo "the page does not mention '$word'" >&2; exit 1; }
done
echo "report.html opens on wide and narrow screens, logs nothing and asks no other host"
