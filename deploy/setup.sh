#!/usr/bin/env bash
# Makes the configuration of the Elasticsearch of compose.yaml in the folder $1: a CA, a certificate, Earshot's roles,
# users with the passwords of .env, and a token for Kibana. Run again it keeps the CA, the certificate and the token,
# and sets the passwords anew.
set -euo pipefail
umask 077
to=$1
roles=${ROLES:-/roles}
elasticsearch=${ES_HOME:-/usr/share/elasticsearch}
kept=$to/certificates

mkdir -p "$to/config" "$kept"
cp -r "$elasticsearch/config/." "$to/config"
export ES_PATH_CONF=$to/config

if [ ! -f "$kept/ca.crt" ]; then
  made=$(mktemp -d)
  "$elasticsearch/bin/elasticsearch-certutil" ca --silent --pem --out "$made/ca.zip"
  unzip -q -j "$made/ca.zip" -d "$made"
  "$elasticsearch/bin/elasticsearch-certutil" cert --silent --pem --ca-cert "$made/ca.crt" --ca-key "$made/ca.key" \
    --name node --dns elasticsearch,localhost --ip 127.0.0.1 --out "$made/node.zip"
  unzip -q -j "$made/node.zip" -d "$made"
  "$elasticsearch/bin/elasticsearch-service-tokens" create elastic/kibana compose | sed 's/.* = //' > "$kept/kibana.token"
  mv "$to/config/service_tokens" "$made/ca.key" "$made/node.crt" "$made/node.key" "$kept"
  mv "$made/ca.crt" "$kept"   # last: it says that everything is there
  rm -r "$made"
fi
cp "$kept/ca.crt" "$kept/node.crt" "$kept/node.key" "$kept/service_tokens" "$to/config"
cp "$kept/ca.crt" "$to/ca.pem"
cp "$kept/kibana.token" "$to/kibana.token"

for role in "$roles"/*.json; do   # JSON is YAML; a role begins at the first column
  printf '%s:\n' "$(basename "$role" .json)"
  sed 's/^/  /' "$role"
done > "$to/config/roles.yml"

: > "$to/config/users"
: > "$to/config/users_roles"
user() { "$elasticsearch/bin/elasticsearch-users" useradd "$1" -p "$2" -r "$3"; }
user earshot "$EARSHOT_ES_PASSWORD" earshot
user earshot_setup "$EARSHOT_ES_SETUP_PASSWORD" earshot_setup
user analyst "$EARSHOT_ANALYST_PASSWORD" analyst,kibana_admin
user operator "$EARSHOT_OPERATOR_PASSWORD" superuser

if [ "$(id -u)" = 0 ]; then chown -R 1000:0 "$to"; fi   # the user of the official images of Elasticsearch and Kibana
chmod -R u=rwX,go= "$to/config" "$kept"
chmod 755 "$to"
chmod 644 "$to/ca.pem"        # all that Earshot needs to see
chmod 600 "$to/kibana.token"
