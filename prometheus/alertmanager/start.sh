#!/bin/sh
# Starts Alertmanager with receivers from the environment, which its own file cannot read:
#   SLACK_WEBHOOK_URL, SLACK_CHANNEL (default: the webhook's own)
#   SMTP_SMARTHOST (host:port), SMTP_FROM, SMTP_TO, SMTP_USERNAME, SMTP_PASSWORD, SMTP_REQUIRE_TLS (default true)
# With none of them alerts go nowhere, and are seen in Alertmanager itself and in Grafana.
#   start.sh --print FOLDER     writes the configuration, and what it refers to, into FOLDER, and starts nothing
set -eu
umask 077

fail() {
  echo "alertmanager: $1" >&2
  exit 2
}

check() {
  for name in SLACK_WEBHOOK_URL SLACK_CHANNEL SMTP_SMARTHOST SMTP_FROM SMTP_TO SMTP_USERNAME SMTP_PASSWORD; do
    value=''
    eval "value=\${$name:-}"
    case $value in *"
"*) fail "$name: has more than one line; one line is expected" ;; esac
  done
  case ${SMTP_REQUIRE_TLS:-true} in
    true | false) ;;
    *) fail "SMTP_REQUIRE_TLS: is $SMTP_REQUIRE_TLS; true or false is expected" ;;
  esac
  check_slack
  check_mail
}

check_slack() {
  # Any text would do for Alertmanager, which tells the log alone that it reaches nobody.
  case ${SLACK_WEBHOOK_URL:-https://?} in
    https://?* | http://?*) ;;
    *) fail "SLACK_WEBHOOK_URL: is no address; https://… is expected" ;; # without the value: it is a secret
  esac
  [ -z "${SLACK_CHANNEL:-}" ] || [ -n "${SLACK_WEBHOOK_URL:-}" ] ||
    fail "SLACK_WEBHOOK_URL: is not set, and SLACK_CHANNEL is; the webhook's address is expected"
}

check_mail() {
  if [ -z "${SMTP_SMARTHOST:-}" ]; then
    [ -z "${SMTP_TO:-}${SMTP_FROM:-}" ] || fail "SMTP_SMARTHOST: is not set, and SMTP_TO or SMTP_FROM is; host:port is expected"
    [ -z "${SMTP_USERNAME:-}${SMTP_PASSWORD:-}" ] ||
      fail "SMTP_SMARTHOST: is not set, and SMTP_USERNAME or SMTP_PASSWORD is; host:port is expected"
    return 0
  fi
  case ${SMTP_SMARTHOST##*:} in
    '' | *[!0-9]*) fail "SMTP_SMARTHOST: is $SMTP_SMARTHOST; host:port is expected" ;;
  esac
  case $SMTP_SMARTHOST in
    *?:*) ;;
    *) fail "SMTP_SMARTHOST: is $SMTP_SMARTHOST; host:port is expected" ;;
  esac
  [ -n "${SMTP_FROM:-}" ] || fail "SMTP_FROM: is not set, and SMTP_SMARTHOST is; the sender's address is expected"
  [ -n "${SMTP_TO:-}" ] || fail "SMTP_TO: is not set, and SMTP_SMARTHOST is; an address, or several with commas, is expected"
  [ -z "${SMTP_USERNAME:-}" ] || [ -n "${SMTP_PASSWORD:-}" ] ||
    fail "SMTP_PASSWORD: is not set, and SMTP_USERNAME is; its password is expected"
  [ -z "${SMTP_PASSWORD:-}" ] || [ -n "${SMTP_USERNAME:-}" ] ||
    fail "SMTP_USERNAME: is not set, and SMTP_PASSWORD is; the name that it belongs to is expected"
}

# A YAML text in single quotes, in which a quote is doubled and nothing else is special.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"
}

secret() { # NAME VALUE: a file of the value, so that the configuration can be shown to anybody
  printf '%s' "$2" >"$folder/$1"
  quoted "$folder/$1"
}

slack() {
  echo "    slack_configs:"
  echo "      - api_url_file: $(secret slack-webhook-url "$SLACK_WEBHOOK_URL")"
  [ -z "${SLACK_CHANNEL:-}" ] || echo "        channel: $(quoted "$SLACK_CHANNEL")"
  cat <<'SLACK'
        send_resolved: true
        title: '{{ .Status | toUpper }}{{ if eq .Status "firing" }} ({{ .Alerts.Firing | len }}){{ end }}: {{ .GroupLabels.alertname }}'
        text: '{{ range .Alerts }}{{ .Annotations.summary }}. {{ .Annotations.description }} <{{ .Annotations.runbook_url }}|what to do>{{ "\n" }}{{ end }}'
SLACK
}

email() {
  echo "    email_configs:"
  echo "      - smarthost: $(quoted "$SMTP_SMARTHOST")"
  echo "        from: $(quoted "$SMTP_FROM")"
  echo "        to: $(quoted "$SMTP_TO")"
  echo "        send_resolved: true"
  echo "        require_tls: ${SMTP_REQUIRE_TLS:-true}"
  [ -z "${SMTP_USERNAME:-}" ] || echo "        auth_username: $(quoted "$SMTP_USERNAME")"
  [ -z "${SMTP_PASSWORD:-}" ] || echo "        auth_password_file: $(secret smtp-password "$SMTP_PASSWORD")"
}

configuration() {
  cat <<'ROUTE'
route:
  receiver: default
  # One message for all the containers that one alert is about.
  group_by: [alertname, query]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 4h
inhibit_rules:
  # Where a source does not answer, that its forecasts are old and its series missing is no news.
  - source_matchers: [alertname = SentioDatasourceDown]
    target_matchers: ['alertname =~ "SentioForecastStale|SentioSeriesMissing"']
    equal: [query]
receivers:
  - name: default
ROUTE
  [ -z "${SLACK_WEBHOOK_URL:-}" ] || slack
  [ -z "${SMTP_SMARTHOST:-}" ] || email
}

if [ "${1:-}" = --print ]; then
  folder=${2:?start.sh --print FOLDER}
else
  folder=${ALERTMANAGER_RUN_DIR:-/run/alertmanager}
fi
check
configuration >"$folder/alertmanager.yml"
[ "${1:-}" != --print ] || exit 0
exec /bin/alertmanager --config.file="$folder/alertmanager.yml" --storage.path=/alertmanager "$@"
