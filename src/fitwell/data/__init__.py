"""Rows become arrays: read, schema, split, audit, encode."""
