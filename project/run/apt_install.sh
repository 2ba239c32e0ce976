#!/bin/sh
# usage: apt_install.sh "PROGRAMS" "PACKAGES"
# Installs the Debian packages unless every program is on PATH; without programs, always asks apt.
# The packages' services are not started: tests start their own, on free ports.
set -eu
programs="$1"
packages="$2"

missing=""
for program in $programs; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -n "$programs" ] && [ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "Missing:${missing:- $packages}. Install these packages, then try again: $packages" >&2
    echo "(As root on Debian, this script installs them.)" >&2
    exit 1
fi

echo "Installing $packages" >&2
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made_policy=yes
fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT INT TERM
export DEBIAN_FRONTEND=noninteractive
log="$(mktemp)"
# shellcheck disable=SC2086  # a list of packages
if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
rm -f "$log"
