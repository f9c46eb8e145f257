# shellcheck shell=bash
# What the scripts in this folder share. Sourced, not run.

root=$(cd -P "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

# A build tool stopped by Ctrl-C exits of its own accord; without this, bash would carry on.
trap 'exit 130' INT

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# die EXIT_CODE MESSAGE. Codes as trace-run's own: 1 failed, 2 wrong usage, 3 not allowed here.
die() {
  say "${@:2}"
  exit "$1"
}

# The comment block at the head of the running script is its help.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$(readlink -f "$0")"; }

# quietly WHAT COMMAND...: on a terminal COMMAND's output is progress; elsewhere it is kept and
# shown only when COMMAND fails, which ends the script. Leaves stdin and stdout to the caller.
quietly() {
  local what=$1 output
  shift
  if [[ -t 2 ]]; then
    "$@" </dev/null >&2 || die 1 "$what failed"
  else
    output=$("$@" </dev/null 2>&1) || {
      printf '%s\n' "$output" >&2
      die 1 "$what failed"
    }
  fi
}

# as_invoker COMMAND...: under sudo in the invoking user's own clone, runs COMMAND as that user, so
# that no file there ends up root's; otherwise just runs it.
as_invoker() {
  if ((EUID == 0 && ${SUDO_UID:-0} != 0)) && [[ $(stat -c %u "$root") == "$SUDO_UID" ]]; then
    setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --init-groups -- "$@"
  else
    "$@"
  fi
}

# tally FILE...: "N passed, N failed, N skipped" over those of ctest's JUnit files that exist. A
# disabled test counts as skipped; one whose executable is missing as failed, though ctest puts it
# down as skipped. Fails unless some test ran and none failed.
tally() {
  local file present=()
  for file; do [[ -r $file ]] && present+=("$file"); done
  # Output of the tests is escaped in these files, so it cannot look like an element.
  awk '
    /^\t<testcase / { ++total }
    /^\t<testcase .* status="run">/ { ++passed }
    /^\t<testcase .* status="disabled">/ || /^\t\t<skipped message="SKIP_/ { ++skipped }
    END {
      failed = total - passed - skipped
      printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
      exit failed > 0 || passed == 0
    }' "${present[@]:-/dev/null}"
}
