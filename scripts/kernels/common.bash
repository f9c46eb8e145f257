# shellcheck shell=bash
# What get-kernel and run-in-kernel share. Sourced, not run.

# shellcheck source=scripts/common.bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../common.bash"

# Where kernels are kept, outside the checkout: one folder each, named by its release
# (6.1.0-57-amd64).
kernels_folder() {
  printf '%s\n' "${TRACE_RUN_KERNELS:-${XDG_CACHE_HOME:-$HOME/.cache}/trace-run/kernels}"
}

# An ordinary user's PATH may lack these: depmod and modprobe live there.
PATH=$PATH:/usr/sbin:/sbin

# need PROGRAM PACKAGE...: ends the script where a program is missing, and names the packages.
need() {
  local missing=()
  while (($# > 1)); do
    command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  ((${#missing[@]} == 0)) || die 3 "missing packages: ${missing[*]}: run scripts/setup kernels"
}
