#!/bin/sh
# Makes the virtual environment; as root on Debian, first installs the package that makes it.
set -eu
venv="$1"
python="${PYTHON:-python3}"
[ -x "$venv/bin/pip" ] && exit 0
here="$(dirname "$0")"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sh "$here/apt_install.sh" "" "python3 python3-venv"
    python="${PYTHON:-python3}"
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; $python is $("$python" -V). Set PYTHON=/path/to/python." >&2
    exit 1
fi
echo "Making a virtual environment in $venv with $("$python" -V)"
"$python" -m venv "$venv"
