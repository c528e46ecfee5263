#!/usr/bin/env bash
# Draws icons/src/*.svg into what each system wants; the results are committed.
# Needs rsvg-convert (librsvg2-bin) and python3.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v rsvg-convert >/dev/null || {
  echo "icons: rsvg-convert is missing; on Debian it is in librsvg2-bin" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p icons/tray

# app SIZE FILE: below 32 px the second wave would blur into the first.
app() {
  local source=app
  if [ "$1" -lt 32 ]; then source=app-small; fi
  rsvg-convert --width "$1" --height "$1" "icons/src/$source.svg" --output "$2"
}

app 32 icons/32x32.png
app 128 icons/128x128.png
app 256 icons/128x128@2x.png
app 512 icons/icon.png
for size in 16 24 32 48 64 128 256 512 1024; do app "$size" "$work/$size.png"; done
# Tauri shows the first entry of the .ico while developing: 32 px leads.
python3 scripts/pack_icons.py ico icons/icon.ico "$work"/{32,16,24,48,64,256}.png
python3 scripts/pack_icons.py icns icons/icon.icns "$work"/{16,32,64,128,256,512,1024}.png

# The sources are drawn for light panels (dark ink). On dark panels the ink is
# light, and macOS tints a template, of which only the alpha counts.
: >"$work/light.css"
cat >"$work/dark.css" <<'CSS'
svg { color: #eceef2 }
.dot { fill: #8fb2ff }
.trouble { fill: #ff9389; stroke: #ff9389 }
CSS
cat >"$work/template.css" <<'CSS'
svg { color: #000 }
.dot { fill: #000 }
.trouble { fill: #000; stroke: #000 }
CSS

# tray STATE PANEL SOURCE_SIZE SIZE
tray() {
  rsvg-convert --stylesheet "$work/$2.css" --width "$4" --height "$4" \
    "icons/src/tray-$1-$3.svg" --output "icons/tray/$1-$2-$4.png"
}

for state in idle unread attention; do
  for size in 16 22 32; do
    tray "$state" light "$size" "$size"
    tray "$state" dark "$size" "$size"
  done
  tray "$state" template 32 36 # the menu bar is 18 pt high, at 2x
done

python3 scripts/pack_icons.py check icons/*.png icons/tray/*.png
echo "icons: $(find icons -name '*.png' | wc -l) PNG files, icon.ico and icon.icns drawn from $(find icons/src -name '*.svg' | wc -l) sources"
