"""Security updates for a machine of the lab: an archive of its own, which apt takes for Debian's
security archive. And whether the machine was restarted since."""

# A package of version 1 is installed, and an archive has version 2. `@` stands for what the
# installation of version 2 does. apt prints the label and the suite of the archive.
ARCHIVE = """\
set -e
mkdir -p /srv/updates && cd /srv/updates
make() {
    rm -rf tree && mkdir -p tree/DEBIAN
    printf 'Package: trial\\nVersion: %s\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' \
        $1 >tree/DEBIAN/control
    printf '#!/bin/sh\\n%s\\n' "$2" >tree/DEBIAN/postinst
    chmod 755 tree/DEBIAN/postinst
    dpkg-deb --build tree trial-$1.deb
}
make 1 true && dpkg --install trial-1.deb
make 2 '@'
{
    cat tree/DEBIAN/control
    echo "Filename: ./trial-2.deb"
    echo "Size: $(stat -c %s trial-2.deb)"
    echo "SHA256: $(sha256sum trial-2.deb | cut -d' ' -f1)"
} >Packages
{
    printf 'Label: LABEL\\nSuite: SUITE\\nSHA256:\\n'
    echo " $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages"
} >Release
echo 'deb [trusted=yes] file:/srv/updates ./' >/etc/apt/sources.list.d/trial.list
apt-get update
"""
SECURITY = ARCHIVE.replace("LABEL", "Debian-Security").replace("SUITE", "stable-security")
OTHER = ARCHIVE.replace("LABEL", "Debian").replace("SUITE", "stable")
ASKS_FOR_RESTART = "touch /run/reboot-required"
INSTALLED = "dpkg-query --show --showformat='${Version}' trial | grep -qx "
BOOT = "/proc/sys/kernel/random/boot_id"
REMEMBER_BOOT = f"cp {BOOT} /var/lib/boot-before"
SAME_BOOT = f"cmp -s {BOOT} /var/lib/boot-before"
