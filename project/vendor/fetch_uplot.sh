#!/bin/sh
# Fetches the chart library of the status page from npm at the pinned version. npm checks
# the archive against the registry; uplot.sha256 checks the files that we keep.
set -eu
version=1.6.32
here="$(cd "$(dirname "$0")" && pwd)"
target="${1:-$here/../../monitoring/static/multiprocess_exporter/vendor/uplot}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$target"
cd "$work"
npm pack --silent "uplot@$version"
tar -xzf "uplot-$version.tgz"
cp package/LICENSE package/dist/uPlot.iife.min.js package/dist/uPlot.min.css "$target/"
cd "$target"
sha256sum --check "$here/uplot.sha256"
