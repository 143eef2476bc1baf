#!/bin/sh
# Make .venv from the hash-locked requirements. `tools/setup.sh` is what it takes to run; `tools/setup.sh dev` adds
# what it takes to test and check. A second call with nothing changed returns at once.
set -eu
cd "$(dirname "$0")/.."
lock=requirements.txt
[ "${1:-}" = dev ] && lock=requirements-dev.txt
python=${PYTHON:-python3}
stamp=.venv/.made-from
# The dev lock holds the run lock whole, so an environment made from it serves both.
want=$(cat requirements.txt pyproject.toml tools/setup.sh | cksum)
[ "$lock" = requirements-dev.txt ] && want="dev $(cat requirements-dev.txt | cksum) $want"
have=$(cat "$stamp" 2>/dev/null || true)
# A compiled kernel notices that its own file changed, not a file that it takes code from: what is older than the newest
# of them goes, and is compiled again here.
newest=$(grep -rl --include='*.py' numba src | xargs ls -t | head -n 1)
stale=$(find src -name '*.nb[ic]' ! -newer "$newest" -print -delete)
case "$have" in
    "$want" | *" $want")
        [ -z "$stale" ] || .venv/bin/python -m mainstay.warm
        exit 0
        ;;
esac

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Mainstay needs Python 3.11 or newer; $("$python" --version) is what '$python' is. Set PYTHON=/path/to/python3.11." >&2
    exit 2
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
    echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 2
}
echo "Setting up .venv (about a minute, once) ..."
[ -x .venv/bin/python ] || "$python" -m venv .venv
# pip takes 70 s where uv takes 12; uv is fetched by pip, hash-checked, and leaves again (60 MB).
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock" --compile-bytecode
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
.venv/bin/python -m pip uninstall --quiet --yes uv
# Kernels compile once, here, not in front of an operator.
.venv/bin/python -m mainstay.warm
echo "$want" > "$stamp"
