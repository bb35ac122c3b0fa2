#!/usr/bin/env bash
# Fails when a source file is not laid out as .clang-format says. usage: format_test.sh SOURCE_DIR
set -euo pipefail
cd "$1"
command -v clang-format >/dev/null || { echo "SKIPPED: clang-format is not installed"; exit 77; }
mapfile -t files < <(find monitor canaries probe trainer-hook tests bench -name '*.h' -o -name '*.cpp' | sort)
[ "${#files[@]}" -gt 20 ] || { echo "only ${#files[@]} files found: wrong folder?"; exit 1; }
clang-format --dry-run --Werror "${files[@]}"
echo "${#files[@]} files are laid out as .clang-format says"
