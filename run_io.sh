#!/bin/sh
# Runs a scenario: real load on the stack's containers, or on this machine, and the truth about it.
set -eu

usage() {
  cat <<'END'
usage: ./run_io.sh [SCENARIO] [--duration LENGTH] [--container NAME] [--local]

Puts load on a container of the stack (started with docker compose up -d), phase by phase, and prints what should be
flagged when. The same is published as sentio_scenario_active, and Grafana shows it beside what Sentio has found.
Ctrl-C ends it at any time, and nothing of it is left.

  --duration LENGTH   of the whole, such as 90s or 20m: the phases become shorter or longer in proportion
  --container NAME    in place of the container that the scenario names
  --local             load this machine, without Docker; needs stress-ng and fio

scenarios (burst, where none is named):
END
  for file in scenarios/*.yaml; do
    printf '  %-18s%s\n' "$(basename "$file" .yaml)" "$(sed -n 's/^description: *//p' "$file")"
  done
}

refuse() {
  echo "run_io.sh: $1" >&2
  exit 2
}

fail() {
  echo "run_io.sh: $1" >&2
  exit 1
}

# valued OPTION VALUE: an option without a value would be taken for none given, and the whole scenario run.
valued() {
  [ -n "$2" ] || refuse "$1: has no value; one is expected"
}

# here ARGUMENT…: on this machine.
here() {
  lacking=''
  for program in stress-ng fio; do
    command -v "$program" >/dev/null || lacking="$lacking $program"
  done
  [ -z "$lacking" ] || fail "not on PATH:$lacking; install it, on Debian: apt-get install$lacking"
  if [ ! -x .venv/bin/sentio ]; then
    echo "run_io.sh: there is no .venv/bin/sentio; making it with make .venv/runtime, once"
    make .venv/runtime
  fi
  exec .venv/bin/sentio scenario run "$@" --local
}

# stack ARGUMENT…: in the stack's containers.
stack() {
  if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
  elif command -v docker-compose >/dev/null; then
    compose=docker-compose
  else
    fail "neither docker compose nor docker-compose is here; one of them is expected, or --local"
  fi
  up=$($compose ps -q 2>/dev/null) ||
    fail "$compose: $($compose ps -q 2>&1 >/dev/null | tail -n 1); a Docker Engine that runs is expected, or --local"
  [ -n "$up" ] || fail "the stack is not up; start it first, with $compose up -d, or run it with --local"
  terminal=''
  if [ ! -t 0 ] || [ ! -t 1 ]; then terminal=-T; fi
  # shellcheck disable=SC2086 # two words, or none
  exec $compose run --rm --use-aliases $terminal scenario run "$@" --web.listen-address=0.0.0.0:9275
}

cd "$(dirname "$0")"
scenario='' duration='' container='' where=stack
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --local) where=here ;;
  --duration | --container)
    valued "$1" "${2:-}"
    if [ "$1" = --duration ]; then duration=$2; else container=$2; fi
    shift
    ;;
  --duration=* | --container=*)
    valued "${1%%=*}" "${1#*=}"
    if [ "${1%%=*}" = --duration ]; then duration=${1#*=}; else container=${1#*=}; fi
    ;;
  -*) refuse "$1: is no option; ./run_io.sh --help lists them" ;;
  *)
    [ -z "$scenario" ] || refuse "$1: is a second scenario; one is expected"
    scenario=$1
    ;;
  esac
  shift
done

scenario=${scenario:-burst}
# Before anything is installed or started for it.
[ -f "scenarios/$scenario.yaml" ] || refuse "$scenario: is no scenario; ./run_io.sh --help lists them"
set -- "$scenario"
[ -z "$duration" ] || set -- "$@" --duration "$duration"
[ -z "$container" ] || set -- "$@" --container "$container"
$where "$@"
