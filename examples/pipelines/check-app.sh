#!/usr/bin/env bash
# check-app.sh GROUP APP PACKAGE.json, from the repository's root: waits until the deployed app
# answers, then until its host lists every function of the proof. PACKAGE.json is the output of
# `slipway package --json`. Fails with what was seen and, where the app did not load, how its cause
# is seen. With SLIPWAY_CLIENT_ID (only with access=tokens) it asks with a token, else with the
# function key. TRIES, ten seconds apart: 30 for each of the two.
set -euo pipefail
group=$1 app=$2 package=$3 tries=${TRIES:-30}
key="" code="none"

host=$(az resource show --resource-group "$group" --name "$app" \
    --resource-type Microsoft.Web/sites --query properties.defaultHostName --output tsv)
test -n "$host"
export SLIPWAY_URL="https://$host"

answers() { # Refuses who has no key, and gives a document to who has one.
    code=$(curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}' \
        "$SLIPWAY_URL/api/clusters") || true
    [[ $code == 401 ]] || return 1
    if [[ -z ${SLIPWAY_CLIENT_ID:-} ]]; then
        key=$(az functionapp keys list --resource-group "$group" --name "$app" \
            --query functionKeys.default --output tsv) || return 1
    fi
    SLIPWAY_KEY=$key ./slipway get --json 2>/dev/null | jq --exit-status .clusters >/dev/null
}

# An earlier version may answer for a moment: three times in a row.
good=0
for ((try = 0; try < tries; try++)); do
    if answers; then good=$((good + 1)); else good=0; fi
    if ((good == 3)); then break; fi
    sleep 10
done
if ((good < 3)); then
    if [[ $code != 401 ]]; then
        echo "error: GET $SLIPWAY_URL/api/clusters without a key answered $code, not 401" >&2
    fi
    if [[ $code != 200 ]]; then
        SLIPWAY_KEY=$key ./slipway get >&2
        echo "error: it answers now, but did not three times in a row" >&2
    fi
    exit 1
fi

wanted=$(jq --raw-output '.functions[] | select(startswith("BuiltIn__") | not)' "$package" | sort)
test -n "$wanted"
for ((try = 0; try < tries; try++)); do
    listed=$(az functionapp function list --resource-group "$group" --name "$app" \
        --query "[].name" --output tsv | sed 's|.*/||' | sort) || true
    missing=$(comm -23 <(echo "$wanted") <(echo "$listed"))
    if [[ -z $missing ]]; then
        echo "the app answers, and its host lists all $(wc -l <<<"$wanted") functions"
        exit 0
    fi
    sleep 10
done
echo "error: the app answers, but its host does not list these functions:" >&2
echo "$missing" >&2
exit 1
