# bash completion for trace-run                                            -*- shell-script -*-

# The words after the program's name are the program's own: its completion, where there is one.
_trace_run_program() {
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    compopt -o default
  fi
}

# Sets COMPREPLY to the value of option $1 that begins with $2.
_trace_run_value() {
  case $1 in
    --protocol) mapfile -t COMPREPLY < <(compgen -W 'echo http herd' -- "$2") ;;
    --load) mapfile -t COMPREPLY < <(compgen -W 'echo http herd none' -- "$2") ;;
    --rate-shape) mapfile -t COMPREPLY < <(compgen -W 'poisson fixed' -- "$2") ;;
    --pid) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$2") ;;
    --servers) mapfile -t COMPREPLY < <(compgen -W "$(trace-run list 2>/dev/null | sed 's| .*||')" -- "$2") ;;
    --out | --from | --report-dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$2")
      ;;
    --json | --csv | --markdown | --folded | --pprof | --save | --server-output | --db)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$2")
      ;;
  esac
}

_trace_run() {
  local program=$1 current=${COMP_WORDS[COMP_CWORD]} command='' word i
  local load_values='--protocol --path --connections --size --duration --warmup --pipeline --rate --rate-shape --seed'
  local load="$load_values --close --no-poll"
  local reports='--syscalls --threads --cross-check -v --verbose --json --markdown --folded --pprof -q --quiet'
  local run="-h --help --version --pin --pid --port --server-output --ready-timeout
    --load $load --load-threads --pin-load --events --counts-only --no-budget --locks --lock-hold --messages --profile --waits --bare --delay --max-threads --inspect-descriptors --repeat --strict --save --db --no-db --db-limit $reports"
  local run_values="--pin --pid --port --server-output --ready-timeout --load $load_values
    --load-threads --pin-load --events --bare --delay --max-threads --repeat --save --db --db-limit --json --markdown --folded --pprof"
  local plan="--pin --port --server-output --ready-timeout --load $load --load-threads --pin-load
    --events --counts-only --no-budget --locks --lock-hold --messages --profile --waits
    --bare --delay --max-threads --inspect-descriptors"
  local vs_values='--vs-pin --vs-connections --vs-pipeline --vs-rate --vs-path --vs-load-threads --vs-pin-load'
  local compare="-h --help --vs --paired --pairs --force --vs-close $vs_values $plan --fail-if --save
    --db --no-db --db-limit --json --markdown -v --verbose -q --quiet"
  local compare_values="--vs --pairs $vs_values --pin --port --server-output --ready-timeout --load
    $load_values --load-threads --pin-load --events --bare --delay --max-threads --fail-if --save --db --db-limit --json --markdown"
  local explain="-h --help --vs --paired --pairs --experiments --factorial --sensitivity --delays --force --vs-close $vs_values $plan
    --db --no-db --db-limit --json --markdown -v --verbose -q --quiet"
  local explain_values="--vs --pairs --experiments --delays $vs_values --pin --port --server-output
    --ready-timeout --load $load_values --load-threads --pin-load --events --bare --delay --max-threads --db --db-limit
    --json --markdown"
  local plan_values="--pin --port --server-output --ready-timeout --load $load_values --load-threads
    --pin-load --events --bare --delay --max-threads"
  local sweep='--servers --cells --repeats --order-seed --out --from --json --csv --markdown --report-dir'
  local options=$run values=$run_values
  COMPREPLY=()

  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ " ${values//$'\n'/ } " == *" $word "* ]]; then
      # "--json=FILE" comes as three words.
      [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
      ((++i >= COMP_CWORD)) && { _trace_run_value "$word" "${current#=}"; return; }
    elif [[ $word == = ]]; then
      ((++i)) # of an option whose value may be left out
    elif [[ $word == -- && -z $command ]]; then
      _trace_run_program $((i + 1))
      return
    elif [[ $word != -* && -z $command ]]; then
      case $word in
        load) options="-h --help $load --threads --pin --json" values="$load_values --threads --pin --json" ;;
        report) options="-h --help --db $reports" values='--db --json --markdown --folded --pprof' ;;
        compare) options=$compare values=$compare_values ;;
        explain) options=$explain values=$explain_values ;;
        runs) options='-h --help --db -n --number --json' values='--db -n --number' ;;
        sweep)
          options="-h --help $plan $sweep -v --verbose -q --quiet" values="$plan_values $sweep"
          ;;
        doctor) options='-h --help --json --quick' values='--json' ;;
        list) options='-h --help --json' values='' ;;
        *)
          _trace_run_program "$i"
          return
          ;;
      esac
      command=$word
    elif [[ $command == runs && $word != -* ]]; then
      case $word in
        show) options="-h --help --db $reports" values='--db --json --markdown --folded --pprof' ;;
        tag | untag | remove | export | import) options='-h --help --db' values='--db' ;;
      esac
      command="runs $word"
    fi
  done

  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ $command == runs ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'show tag untag remove export import' -- "$current")
  elif [[ $command == report || $command == compare || $command == 'runs export' || $command == 'runs import' ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ -z $command ]]; then
    # A subcommand, a bundled server, or any program.
    mapfile -t COMPREPLY < <(
      compgen -W "load report compare explain sweep runs doctor list" -- "$current"
      compgen -W "$("$program" list 2>/dev/null | sed 's| .*||; s|^|servers/|')" -- "$current"
      compgen -c -- "$current"
    )
  fi
}

complete -F _trace_run trace-run
