#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# usage: with_python.sh SCRIPT [ARGUMENT...]
# Finds the Pythons that Blender 4.5-5.0 (3.11) and 5.1-5.2 (3.13) use, exports them as PYTHON_3_11 and PYTHON_3_13
# (empty where there is none) and runs SCRIPT with one of them. Candidates are tried by running them: a pyenv shim can
# be on the path and still refuse, and Debian's python3 has no venv unless another package is installed.
set -u

find_python() { # VERSION
    for candidate in "python$1" python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1"/bin/python3 \
        /opt/homebrew/bin/python"$1" /usr/local/bin/python"$1" \
        /Library/Frameworks/Python.framework/Versions/"$1"/bin/python3 \
        "$HOME"/.local/bin/python"$1"; do
        found=$("$candidate" -c "import sys; print(sys.executable if sys.version_info[:2] == tuple(map(int, '$1'.split('.'))) else '')" 2>/dev/null) || continue
        [ -n "$found" ] || continue
        if "$found" -c "import ensurepip, venv" 2>/dev/null; then
            echo "$found"
            return
        fi
        echo "$found cannot make environments and is passed over: apt install python$1-venv" >&2
    done
}

PYTHON_3_11=$(find_python 3.11)
PYTHON_3_13=$(find_python 3.13)
export PYTHON_3_11 PYTHON_3_13

if [ -z "$PYTHON_3_11$PYTHON_3_13" ]; then
    echo "Image to 3D needs Python 3.11 or 3.13, the versions inside Blender 4.5 and 5.2: install one of them and run this again." >&2
    exit 1
fi
exec "${PYTHON_3_11:-$PYTHON_3_13}" "$@"
