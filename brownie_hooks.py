"""Brownie imports this file when it opens the project, before it compiles anything."""

from scripts.toolchain import prepare

prepare()
