#!/bin/sh
# The password of Grafana's admin, in a file that only Grafana has mounted: GRAFANA_ADMIN_PASSWORD, or one that is made
# here once. Grafana takes it when it makes its database; afterwards it is changed in Grafana.
set -eu
file=${1:-/run/grafana/admin-password}
if [ -n "${GRAFANA_ADMIN_PASSWORD:-}" ]; then
  printf '%s' "$GRAFANA_ADMIN_PASSWORD" >"$file"
elif [ ! -s "$file" ]; then
  head -c 18 /dev/urandom | base64 | tr -d '\n' >"$file"
fi
chmod 444 "$file"
echo "grafana-password: log in as admin with what this prints:" \
  "docker compose run --rm --entrypoint cat grafana-password $file"
