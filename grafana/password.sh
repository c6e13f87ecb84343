#!/bin/sh
# The password of Grafana's admin, in a file that only Grafana has mounted: GRAFANA_ADMIN_PASSWORD, or one that is made
# here. It is written once, for Grafana takes it once, when it makes its database; afterwards it is changed in Grafana.
set -eu
file=${1:-/run/grafana/admin-password}
if [ ! -s "$file" ]; then
  printf '%s' "${GRAFANA_ADMIN_PASSWORD:-$(head -c 18 /dev/urandom | base64)}" >"$file"
  chmod 444 "$file"
fi
echo "grafana-password: log in as admin with what this prints:" \
  "docker compose run --rm --entrypoint cat grafana-password $file"
