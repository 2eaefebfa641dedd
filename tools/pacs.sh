#!/usr/bin/env bash
# Orthanc with its DICOMweb plugin, and dcmtk, into the folder that is given: bin/ and plugins/.
#
# From this machine if they are there. Else Debian's packages and what they need are fetched and
# unpacked into that folder. Nothing is installed: no rights are needed, no service starts, and
# nothing outside the folder is written.
set -euo pipefail

into=$1
programs=(Orthanc dcmdump dcmqrscp echoscu findscu movescu storescp storescu)
packages=(orthanc orthanc-dicomweb dcmtk)
plugin=libOrthancDicomWeb.so
export PATH=$PATH:/usr/sbin # where Debian puts Orthanc

fail() {
    echo "$1" >&2
    echo "Install Orthanc, its DICOMweb plugin and dcmtk (Debian: ${packages[*]}), then try again." >&2
    exit 1
}

installed_plugin() {
    find /usr/share/orthanc /usr/lib/orthanc /usr/local/share/orthanc -name "$plugin*" -print -quit \
        2>/dev/null || true
}

are_installed() {
    for program in "${programs[@]}"; do
        command -v "$program" >/dev/null || return 1
    done
    [ -n "$(installed_plugin)" ]
}

# The packages and all they need that is not installed, by name and version.
closure() {
    apt-get --simulate --no-install-recommends install "${packages[@]}" |
        sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+).*/\1=\3/p'
}

unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        fail "They are not on this machine, and it is no Debian."
    apt-cache show "${packages[@]}" >/dev/null 2>&1 || apt-get update -qq ||
        fail "apt does not know the packages, and its lists cannot be renewed."
    local wanted
    mapfile -t wanted < <(closure)
    mkdir -p "$into/debs" "$into/root"
    (cd "$into/debs" && apt-get -qq -o APT::Sandbox::User=root download "${wanted[@]}") ||
        fail "The packages cannot be fetched."
    for deb in "$into"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$into/root"
    done
    rm -r "$into/debs"
}

# A program that was unpacked needs to be told where its libraries and its dictionary are.
wrap() {
    local libraries dictionary
    libraries=$(find "$into/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
    dictionary=$(find "$into/root" -name dicom.dic -print -quit)
    printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s" DCMDICTPATH="%s"\nexec "%s" "$@"\n' \
        "$libraries" "$dictionary" "$1" >"$2"
    chmod +x "$2"
}

rm -rf "$into"
mkdir -p "$into/bin" "$into/plugins" "$into/root"
are_installed || unpack
for program in "${programs[@]}"; do
    unpacked=$(find "$into/root" -path "*bin/$program" -print -quit)
    if [ -n "$unpacked" ]; then
        wrap "$unpacked" "$into/bin/$program"
    else
        ln -s "$(command -v "$program" || fail "There is no $program.")" "$into/bin/$program"
    fi
done
found=$(find "$into/root" -name "$plugin*" -print -quit)
ln -s "${found:-$(installed_plugin)}" "$into/plugins/$plugin"
# A library that is missing is found out here, not in the middle of a test.
"$into/bin/Orthanc" --version | sed -n 's,.*/Orthanc,Orthanc,p'
"$into/bin/storescu" --version | sed -n 1p
