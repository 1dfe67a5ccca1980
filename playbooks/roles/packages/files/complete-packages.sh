#!/bin/sh
# Completes an installation of packages that was interrupted: by a restart, a full disk or a kill.
# apt refuses every other work before that. Packages keep the configuration files that they have.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
WAIT_SECONDS=300 PAUSE_SECONDS=5
remaining=$WAIT_SECONDS

# The image's own timers may hold dpkg's lock.
configure() {
    until said=$(dpkg --force-confdef --force-confold --configure --pending 2>&1); do
        case $said in *"lock was locked by another process"* | *"frontend lock"*) ;; *) break ;; esac
        [ $((remaining -= PAUSE_SECONDS)) -ge 0 ] || break
        sleep $PAUSE_SECONDS
    done
    echo "$said"
}

configure
apt-get --quiet --quiet --yes --fix-broken --option DPkg::Lock::Timeout=$WAIT_SECONDS \
    --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold install
configure
left=$(dpkg --audit 2>&1)
[ -z "$left" ] || { echo "$left" >&2; exit 1; }
