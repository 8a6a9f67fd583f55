"""Compiled loops over bytes and numbers. They load numba, so they are imported where they are called."""
